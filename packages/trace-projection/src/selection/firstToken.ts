import type { OtlpSpan } from "@es/otlp";
import { attributeToNumber, attributeToText } from "../attributes/attributeText.js";
import { attributeToObject, memberAt } from "../attributes/jsonMembers.js";
import { candidateRules } from "../conventions/candidateRules.js";
import type { FirstTokenRule, LatencyUnit } from "../conventions/convention.js";
import { rules } from "../conventions/conventions.js";
import { holds, ruleValue } from "../conventions/ruleValue.js";
import { oncePerSpan } from "../spans/foldedSpan.js";

export interface FirstTokenCandidate {
  readonly span: OtlpSpan;
  /** From the span's start, nanoseconds. Negative ones are never taken. */
  readonly latency: bigint;
  readonly key: string;
  readonly ruleId: string;
}

export interface FirstToken {
  /** The one with the smallest latency of its call; of equal ones the first. */
  readonly call: FirstTokenCandidate | undefined;
  /** The one at the earliest instant; of equal ones the first. Not known of spans without a start. */
  readonly trace: FirstTokenCandidate | undefined;
  /** Spans with a first token before their start. */
  readonly early: number;
  /** Spans with a latency that is less than a millisecond in every unit it may have. */
  readonly implausible: number;
}

/**
 * The first token of spans in this order.
 *
 * @param seen told of every candidate, the negative ones too
 */
export function findFirstToken(
  spans: readonly OtlpSpan[],
  seen?: (candidate: FirstTokenCandidate) => void,
): FirstToken {
  let call: FirstTokenCandidate | undefined;
  let trace: FirstTokenCandidate | undefined;
  let earliest = 0n;
  let early = 0;
  let implausible = 0;
  for (const span of spans) {
    const { best, isEarly, isImplausible } = seen === undefined ? bestOf(span) : readBest(span, seen);
    if (isEarly) early++;
    if (isImplausible) implausible++;
    if (best === undefined) continue;
    if (call === undefined || best.latency < call.latency) call = best;
    if (span.startTimeUnixNano === 0n) continue;
    const instant = span.startTimeUnixNano + best.latency;
    if (trace === undefined || instant < earliest) {
      earliest = instant;
      trace = best;
    }
  }
  return { call, trace, early, implausible };
}

interface BestFirstToken {
  readonly best: FirstTokenCandidate | undefined;
  readonly isEarly: boolean;
  readonly isImplausible: boolean;
}

const none: BestFirstToken = { best: undefined, isEarly: false, isImplausible: false };

/** Of one span. */
const bestOf = oncePerSpan((span): BestFirstToken => readBest(span));

function readBest(span: OtlpSpan, seen?: (candidate: FirstTokenCandidate) => void): BestFirstToken {
  let best: FirstTokenCandidate | undefined;
  let isEarly = false;
  let isImplausible = false;
  let readKey = "";
  for (const rule of candidateRules(span, rules.firstToken)) {
    // Of rules for one key, which stand together, one reads it.
    if (rule.key === readKey) continue;
    const latency = firstTokenLatency(span, rule);
    if (latency === undefined) continue;
    readKey = rule.key;
    if (latency === "implausible") {
      isImplausible = true;
      continue;
    }
    const candidate = { span, latency, key: rule.key, ruleId: rule.id };
    seen?.(candidate);
    if (latency < 0n) isEarly = true;
    else if (best === undefined || latency < best.latency) best = candidate;
  }
  return best === undefined && !isEarly && !isImplausible ? none : { best, isEarly, isImplausible };
}

function firstTokenLatency(span: OtlpSpan, rule: FirstTokenRule): bigint | "implausible" | undefined {
  switch (rule.from) {
    case "event":
      return eventLatency(span, rule.key);
    case "instant":
      return instantLatency(span, rule.key, rule.member);
    case "attribute":
      return holds(span, rule.when) ? attributeLatency(span, rule) : undefined;
  }
}

function instantLatency(span: OtlpSpan, key: string, member: string | undefined): bigint | undefined {
  const attribute = span.attributes.get(key);
  if (attribute === undefined || attribute === null || span.startTimeUnixNano === 0n) return undefined;
  const object = member === undefined ? undefined : attributeToObject(attribute);
  const value = member === undefined ? attributeToText(attribute) : object && memberAt(object, member);
  const text = String(value ?? "").replaceAll('"', "");
  const milliseconds = /^\d{12,14}(\.\d+)?$/.test(text) ? Math.round(Number(text)) : Date.parse(text);
  if (!Number.isSafeInteger(milliseconds) || milliseconds <= 0) return undefined;
  const latency = BigInt(milliseconds) * 1_000_000n - span.startTimeUnixNano;
  // Milliseconds are cut off, not rounded: a first token within the first of them is not before the start.
  return latency < 0n && latency > -1_000_000n ? 0n : latency;
}

function eventLatency(span: OtlpSpan, name: string): bigint | undefined {
  if (span.startTimeUnixNano === 0n) return undefined;
  let earliest: bigint | undefined;
  for (const event of span.events) {
    if (event.name !== name || event.timeUnixNano === 0n) continue;
    if (earliest === undefined || event.timeUnixNano < earliest) earliest = event.timeUnixNano;
  }
  return earliest === undefined ? undefined : earliest - span.startTimeUnixNano;
}

const nanosIn: Readonly<Record<LatencyUnit, number>> = { s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

/** Nothing answers faster: a smaller figure has another unit, but for 0, which is the same in all of them. */
const LEAST_LATENCY = 1e6;
/** Years are no latency. */
const MOST_LATENCY = 1e17;

function attributeLatency(
  span: OtlpSpan,
  rule: Extract<FirstTokenRule, { readonly from: "attribute" }>,
): bigint | "implausible" | undefined {
  const value = attributeToNumber(ruleValue(span, rule));
  if (value === undefined) return undefined;
  if (value === 0) return 0n;
  const latencies = rule.units
    .map((unit) => Math.round(value * nanosIn[unit]))
    .filter((nanos) => nanos >= LEAST_LATENCY && nanos <= MOST_LATENCY);
  const duration = Number(span.endTimeUnixNano - span.startTimeUnixNano);
  const within = duration > 0 ? latencies.find((nanos) => nanos <= duration) : undefined;
  const [first] = latencies;
  if (first !== undefined) return BigInt(within ?? first);
  return value * nanosIn[rule.units[0]] < LEAST_LATENCY ? "implausible" : undefined;
}
