import type { EventStream } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions/incubating";
import {
  attributeToJson,
  attributeToName,
  attributeToNumber,
  attributeToText,
} from "./attributes/attributeText.js";
import { attributeToObject, memberAt } from "./attributes/jsonMembers.js";
import {
  type ContentLimits,
  cutJson,
  cutMessages,
  cutText,
  defaultContentLimits,
  jsonSize,
  sanitizeJson,
} from "./content/contentLimits.js";
import { isObject } from "./content/messages.js";
import { type ContentSide, mayHaveContent, type ReadValue, readContent } from "./content/readContent.js";
import type { AttributeRule, ContentRule, FirstTokenRule, ReportedClass } from "./conventions/convention.js";
import { rules } from "./conventions/conventions.js";
import { holds, nameBy } from "./conventions/ruleValue.js";
import { type CostFacts, costOf, readReportedCost } from "./cost/traceCost.js";
import type { SpanEvent } from "./spanEvent.js";
import { failedAt, hasFailed, readSpanError } from "./spans/spanError.js";
import { buildSpanTree, type SpanTree } from "./spans/spanTree.js";
import type {
  Json,
  Provenance,
  SpanRole,
  TraceContent,
  TraceError,
  TraceProjection,
  TraceStatus,
} from "./traceProjection.js";
import { addTokenCounts, countUsageOnce } from "./usage/countOnce.js";
import { addTokens, noTokens, readSpanUsage, type TokenCounts } from "./usage/spanUsage.js";
import { findTwinCalls, inputOf, type TwinCall } from "./usage/twinCalls.js";

/**
 * What happened in the trace. A pure function of the set of spans: order, duplication and batching of what arrived make
 * no difference, byte for byte.
 */
export function buildTraceProjection(
  stream: EventStream<string, SpanEvent>,
  limits: ContentLimits = defaultContentLimits,
): TraceProjection {
  const tree = buildSpanTree(stream.events.map((event) => event.data));
  return new ProjectionBuilder(stream.aggregateId, tree, limits).build();
}

interface Found {
  readonly value: string;
  readonly spanId: string;
  readonly key: string;
  readonly ruleId: string;
}

/** What one span says, read once. */
interface SpanFacts extends CostFacts {
  /** No span of the trace is above it. */
  readonly isTop: boolean;
}

/** Spans of these roles give an input or output only where no other does. */
const asideRoles: ReadonlySet<SpanRole> = new Set(["evaluation", "guardrail", "tool"]);

const statuses: readonly TraceStatus[] = ["unset", "ok", "error"];

class ProjectionBuilder {
  readonly #traceId: string;
  readonly #tree: SpanTree;
  readonly #limits: ContentLimits;
  readonly #cuts = new Map<string, { kept: number; total: number }>();
  readonly #unparsed: string[] = [];
  readonly #provenance = new Map<string, Provenance>();
  #earlyFirstTokens = 0;

  constructor(traceId: string, tree: SpanTree, limits: ContentLimits) {
    this.#traceId = traceId;
    this.#tree = tree;
    this.#limits = limits;
  }

  build(): TraceProjection {
    const tree = this.#tree;
    const root = tree.spans[tree.root];
    const times = timesOf(tree.spans);
    const { facts, twins } = this.#readFacts();
    const rootFirst = this.#rootFirst(facts);
    // The earliest of several orphans, or of a cycle, names the trace but does not speak for the others.
    const speaks = tree.rootKind === "root" || (tree.rootKind === "orphan" && tree.orphans === 1);
    const rootFacts = speaks ? rootFirst[0] : undefined;
    const others = rootFacts === undefined ? rootFirst : rootFirst.slice(1);

    const usage = this.#usage(facts);
    const cost = costOf(tree, facts, times.start, twins);
    this.#provenCost(cost.contributors, facts);
    const errors = tree.spans.filter(hasFailed);
    const rootStatus =
      root === undefined ? "unset" : hasFailed(root) ? "error" : (statuses[root.status.code] ?? "unset");
    if (root !== undefined) {
      this.#provenance.set("name", { spanId: root.spanId, key: "name", ruleId: `name.${tree.rootKind}` });
    }

    const projection = {
      traceId: this.#traceId,
      name: this.#bounded("name", root?.name.toWellFormed() ?? ""),
      rootSpanId: tree.rootKind === "none" ? null : (root?.spanId ?? null),
      rootKind: tree.rootKind,
      spanCount: tree.spans.length,
      errorCount: errors.length,
      status: errors.length > 0 ? ("error" as const) : rootStatus,
      rootStatus,
      firstError: this.#firstError(errors),
      startTimeUnixNano: String(times.start),
      endTimeUnixNano: String(times.end),
      durationNano: String(times.end - times.start),
      input: this.#content("input", rootFacts, () => others),
      output: this.#content("output", rootFacts, () => lastEndingFirst(others)),
      models: this.#distinct("models", facts, rules.models),
      providers: this.#distinct("providers", facts, rules.providers),
      services: this.#services(),
      usage,
      cost: cost.cost,
      costReason: cost.reason,
      unpricedModels: cost.unpricedModels.slice(0, this.#limits.distinct),
      priceTableVersion: cost.priceTableVersion,
      timeToFirstTokenNano: this.#firstToken(times.start),
      sessionId: this.#firstName("sessionId", rootFirst, rules.sessions),
      userId: this.#firstName("userId", rootFirst, rules.users),
      tags: this.#tags(rootFirst),
      metadata: this.#metadata(rootFirst),
      spanRoles: countRoles(facts),
    };
    this.#noteCut("unpricedModels", this.#limits.distinct, cost.unpricedModels.length);
    return {
      ...projection,
      truncated: this.#cuts.size > 0,
      flags: {
        ...times.flags,
        cyclicSpans: tree.cyclic,
        earlyFirstTokens: this.#earlyFirstTokens,
        droppedByEmitter: droppedByEmitter(tree.spans),
        unparsed: this.#unparsed,
        cuts: Object.fromEntries(this.#cuts),
      },
      provenance: Object.fromEntries(this.#provenance),
    };
  }

  #readFacts(): { readonly facts: readonly SpanFacts[]; readonly twins: readonly TwinCall[] } {
    const { spans } = this.#tree;
    const roles = spans.map(roleOf);
    const usages = spans.map((span, position) => readSpanUsage(span, roles[position] as SpanRole));
    const twins = findTwinCalls(this.#tree, usages);
    const counted = countUsageOnce(this.#tree, usages, twins, roles);
    const facts = spans.map((span, position) => ({
      span,
      isTop: this.#tree.parents[position] === -1,
      role: roles[position] as SpanRole,
      usage: usages[position],
      counted: counted[position],
      reported: readReportedCost(span),
    }));
    return { facts, twins };
  }

  /** The root, then the others as they started. */
  #rootFirst(facts: readonly SpanFacts[]): readonly SpanFacts[] {
    const { root } = this.#tree;
    if (root <= 0) return facts;
    return [facts[root] as SpanFacts, ...facts.slice(0, root), ...facts.slice(root + 1)];
  }

  /** @param others the spans after the root, in the order in which they are asked */
  #content(
    side: ContentSide,
    root: SpanFacts | undefined,
    others: () => readonly SpanFacts[],
  ): TraceContent | null {
    const strong = contentReader(side, false);
    const weak = contentReader(side, true);
    const found =
      (root && strong(root)) ??
      firstContent(others(), strong) ??
      (root && weak(root)) ??
      firstContent(others(), weak);
    if (found === undefined) return null;
    const { span, rule, value } = found;
    this.#provenance.set(side, { spanId: span.spanId, key: rule.source.key, ruleId: rule.id });
    return this.#boundedContent(side, value);
  }

  #boundedContent(side: ContentSide, value: ReadValue): TraceContent {
    if (value.unparsed === true) this.#unparsed.push(side);
    const text = cutText(value.text, this.#limits.textCharacters);
    this.#noteCut(`${side}.text`, text.length, value.text.length);
    const list =
      value.messages === undefined
        ? undefined
        : cutMessages(value.messages, side === "input" ? "end" : "start", this.#limits);
    const total = value.messages?.length ?? 0;
    if (list !== undefined && !list.whole) {
      this.#cuts.set(`${side}.messages`, { kept: list.messages.length, total });
    }
    const whole = text.length === value.text.length && list?.whole !== false;
    return {
      text,
      ...(value.mimeType === undefined ? {} : { mimeType: cutText(value.mimeType.toWellFormed(), 256) }),
      ...(list === undefined ? {} : { messages: list.messages }),
      ...(value.unparsed === true ? { unparsed: true as const } : {}),
      ...(whole
        ? {}
        : {
            cut: {
              keptCharacters: text.length,
              totalCharacters: value.text.length,
              ...(list === undefined ? {} : { keptMessages: list.messages.length, totalMessages: total }),
            },
          }),
    };
  }

  #usage(facts: readonly SpanFacts[]): TraceProjection["usage"] {
    const sum = noTokens();
    const contributors = usageFields.map(() => ({ spans: 0, first: undefined as SpanFacts | undefined }));
    for (const fact of facts) {
      if (fact.counted === undefined) continue;
      addTokenCounts(sum, fact.counted);
      for (const [index, [, , amount]] of usageFields.entries()) {
        const field = contributors[index];
        if (field === undefined || amount(fact.counted) <= 0) continue;
        field.spans++;
        field.first ??= fact;
      }
    }
    for (const [index, [name, classes]] of usageFields.entries()) {
      const { first, spans } = contributors[index] ?? {};
      if (first?.usage === undefined || spans === undefined) continue;
      const { rules: used } = first.usage;
      const rule = classes.map((reported) => used[reported]).find((found) => found !== undefined);
      this.#provenance.set(`usage.${name}`, {
        spanId: first.span.spanId,
        key: rule?.key ?? "",
        ruleId: rule?.id ?? "usage.derived",
        spans,
      });
    }
    const inputTokens = inputOf(sum);
    return {
      inputTokens,
      outputTokens: sum.output,
      // Spans that know their classes and spans that know only a total may explain each other but in part.
      totalTokens: Math.max(sum.total, addTokens(inputTokens, sum.output)),
      cacheReadTokens: sum.cacheRead,
      cacheWriteTokens: sum.cacheWrite,
      reasoningTokens: sum.reasoning,
    };
  }

  #provenCost(contributors: readonly number[], facts: readonly SpanFacts[]): void {
    const first = facts[contributors[0] ?? -1];
    if (first === undefined) return;
    this.#provenance.set("cost", {
      spanId: first.span.spanId,
      key: first.reported?.key ?? firstName(first.span, rules.models)?.key ?? "",
      ruleId: first.reported?.ruleId ?? "cost.price-table",
      spans: contributors.length,
    });
  }

  /** The first to fail. Of those that failed at one instant the innermost: it started last. */
  #firstError(errors: readonly OtlpSpan[]): TraceError | null {
    let first: OtlpSpan | undefined;
    for (const span of errors) if (first === undefined || failedBefore(span, first)) first = span;
    if (first === undefined) return null;
    const { type, message, key, ruleId } = readSpanError(first);
    this.#provenance.set("firstError", { spanId: first.spanId, key, ruleId });
    return {
      type: type === null ? null : this.#bounded("firstError.type", type),
      message: message === null ? null : this.#bounded("firstError.message", message),
      spanId: first.spanId,
    };
  }

  #firstToken(traceStart: bigint): TraceProjection["timeToFirstTokenNano"] {
    let call: bigint | undefined;
    let earliest: bigint | undefined;
    for (const span of this.#tree.spans) {
      const found = earliestFirstToken(span);
      this.#earlyFirstTokens += found.early;
      if (found.latency === undefined) continue;
      const provenance = { spanId: span.spanId, key: found.key, ruleId: found.ruleId };
      if (call === undefined || found.latency < call) {
        call = found.latency;
        this.#provenance.set("timeToFirstTokenNano.call", provenance);
      }
      if (span.startTimeUnixNano === 0n) continue;
      const instant = span.startTimeUnixNano + found.latency;
      if (earliest === undefined || instant < earliest) {
        earliest = instant;
        this.#provenance.set("timeToFirstTokenNano.trace", provenance);
      }
    }
    if (call === undefined) return null;
    return { call: String(call), trace: earliest === undefined ? null : String(earliest - traceStart) };
  }

  #distinct(
    field: "models" | "providers",
    facts: readonly SpanFacts[],
    fieldRules: readonly AttributeRule[],
  ): readonly string[] {
    const values = new Map<string, Provenance>();
    for (const { span } of facts) {
      for (const rule of fieldRules) {
        const value = nameBy(span, rule);
        if (value === undefined) continue;
        if (!values.has(value)) values.set(value, { spanId: span.spanId, key: rule.key, ruleId: rule.id });
        break;
      }
    }
    if (field === "models") dropUndated(values);
    return this.#boundedDistinct(field, values);
  }

  #services(): readonly string[] {
    const values = new Map<string, Provenance>();
    for (const { resource, spanId } of this.#tree.spans) {
      const value = attributeToName(resource.attributes.get(ATTR_SERVICE_NAME));
      if (value === undefined || values.has(value)) continue;
      values.set(value, { spanId, key: ATTR_SERVICE_NAME, ruleId: "resource.service" });
    }
    return this.#boundedDistinct("services", values);
  }

  #boundedDistinct(field: string, values: ReadonlyMap<string, Provenance>): readonly string[] {
    this.#noteCut(field, this.#limits.distinct, values.size);
    return [...values].slice(0, this.#limits.distinct).map(([value, provenance], index) => {
      this.#provenance.set(`${field}[${index}]`, provenance);
      return this.#bounded(`${field}[${index}]`, value);
    });
  }

  #firstName(
    field: string,
    rootFirst: readonly SpanFacts[],
    fieldRules: readonly AttributeRule[],
  ): string | null {
    for (const { span } of rootFirst) {
      const found = firstName(span, fieldRules);
      if (found === undefined) continue;
      const { value, ...provenance } = found;
      this.#provenance.set(field, provenance);
      return this.#bounded(field, value);
    }
    return null;
  }

  #tags(rootFirst: readonly SpanFacts[]): readonly string[] {
    const tags = new Set<string>();
    for (const { span } of rootFirst) {
      for (const rule of rules.tags) {
        for (const tag of tagsIn(span, rule.key)) {
          if (tags.size === 0) {
            this.#provenance.set("tags", { spanId: span.spanId, key: rule.key, ruleId: rule.id });
          }
          tags.add(tag);
        }
      }
    }
    this.#noteCut("tags", this.#limits.tags, tags.size);
    return [...tags].slice(0, this.#limits.tags).map((tag, index) => this.#bounded(`tags[${index}]`, tag));
  }

  #metadata(rootFirst: readonly SpanFacts[]): Readonly<Record<string, Json>> {
    const metadata = new Map<string, Json>();
    const seen = new Set<string>();
    for (const { span } of rootFirst) {
      visitMetadata(span, (key, readValue, rule) => {
        if (seen.has(key)) return;
        seen.add(key);
        if (metadata.size >= this.#limits.metadataKeys) return;
        const shortKey = this.#bounded("metadata key", key);
        // Two keys that are cut to the same: the earlier stays, as the cut says.
        if (metadata.has(shortKey)) return;
        const value = readValue();
        const size = jsonSize(value);
        const fits = size <= this.#limits.valueCharacters;
        metadata.set(shortKey, fits ? value : cutJson(value, this.#limits.valueCharacters));
        const field = `metadata.${cutText(shortKey, 128)}`;
        if (!fits) this.#noteCut(field, this.#limits.valueCharacters, size);
        this.#provenance.set(field, { spanId: span.spanId, key: rule.key, ruleId: rule.id });
      });
    }
    this.#noteCut("metadata", this.#limits.metadataKeys, seen.size);
    return Object.fromEntries(metadata);
  }

  #bounded(field: string, value: string): string {
    const kept = cutText(value, this.#limits.valueCharacters);
    this.#noteCut(field, kept.length, value.length);
    return kept;
  }

  #noteCut(field: string, kept: number, total: number): void {
    if (total > kept) this.#cuts.set(field, { kept, total });
  }
}

const usageFields: readonly (readonly [string, readonly ReportedClass[], (counts: TokenCounts) => number])[] =
  [
    ["inputTokens", ["input", "uncached", "cacheRead", "cacheWrite"], inputOf],
    ["outputTokens", ["output", "unreasoned", "reasoning"], (counts) => counts.output],
    ["totalTokens", ["total", "input", "output"], (counts) => counts.total],
    ["cacheReadTokens", ["cacheRead"], (counts) => counts.cacheRead],
    ["cacheWriteTokens", ["cacheWrite"], (counts) => counts.cacheWrite],
    ["reasoningTokens", ["reasoning"], (counts) => counts.reasoning],
  ];

/**
 * Zero means unknown and is left out. Where no start, or no end, is known at all, the known instants stand in; without
 * any the trace starts and ends at 0.
 */
function timesOf(spans: readonly OtlpSpan[]) {
  let minStart: bigint | undefined;
  let maxStart: bigint | undefined;
  let minEnd: bigint | undefined;
  let maxEnd: bigint | undefined;
  let negativeDurations = 0;
  let zeroTimestamps = 0;
  for (const { startTimeUnixNano: start, endTimeUnixNano: end } of spans) {
    if (start === 0n || end === 0n) zeroTimestamps++;
    else if (end < start) negativeDurations++;
    if (start !== 0n) {
      if (minStart === undefined || start < minStart) minStart = start;
      if (maxStart === undefined || start > maxStart) maxStart = start;
    }
    if (end !== 0n) {
      if (minEnd === undefined || end < minEnd) minEnd = end;
      if (maxEnd === undefined || end > maxEnd) maxEnd = end;
    }
  }
  return {
    start: minStart ?? minEnd ?? 0n,
    end: maxEnd ?? maxStart ?? 0n,
    flags: { negativeDurations, zeroTimestamps },
  };
}

function roleOf(span: OtlpSpan): SpanRole {
  for (const rule of rules.roles) {
    const value = span.attributes.get(rule.key);
    if (value === undefined || value === null) continue;
    if (rule.present !== undefined) return rule.present;
    const role =
      typeof value === "string" && rule.values !== undefined && Object.hasOwn(rule.values, value)
        ? rule.values[value]
        : undefined;
    if (role !== undefined) return role;
  }
  return "other";
}

function countRoles(facts: readonly SpanFacts[]): Partial<Record<SpanRole, number>> {
  const counts: Partial<Record<SpanRole, number>> = {};
  for (const { role } of facts) counts[role] = (counts[role] ?? 0) + 1;
  return counts;
}

interface FoundContent {
  readonly span: OtlpSpan;
  readonly rule: ContentRule;
  readonly value: ReadValue;
}

/** What a provider puts behind a model's name to say which version of it answered. */
const versionOfModel = /^[-@](\d{4}-\d\d-\d\d|20\d{6}|[01]\d[0-3]\d|0\d\d)(-v\d+(:\d+)?)?$/;

/** Leaves out `gpt-4o` where `gpt-4o-2024-08-06` is: it is how that one was asked for. */
function dropUndated(models: Map<string, Provenance>): void {
  const names = [...models.keys()];
  for (const name of names) {
    const isAnswered = names.some(
      (other) => other.startsWith(name) && versionOfModel.test(other.slice(name.length)),
    );
    if (isAnswered) models.delete(name);
  }
}

type ContentReader = (facts: SpanFacts) => FoundContent | undefined;

/** Reads a span by the first rule that finds something there: the weak ones, or those that are not. */
function contentReader(side: ContentSide, weak: boolean): ContentReader {
  const tried = rules[side].filter((rule) => (rule.weak === true) === weak);
  return ({ span, isTop }) => {
    if (!mayHaveContent(span, side)) return undefined;
    for (const rule of tried) {
      if (rule.topOnly === true && !isTop) continue;
      const value = readContent(span, rule, side);
      if (value !== undefined) return { span, rule, value };
    }
    return undefined;
  };
}

/** Of spans in this order; tools, guardrails and evaluations only where no other has any. */
function firstContent(order: readonly SpanFacts[], read: ContentReader): FoundContent | undefined {
  for (const aside of [false, true]) {
    for (const facts of order) {
      if (asideRoles.has(facts.role) !== aside) continue;
      const found = read(facts);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** From the one that ended last. Ties: the later start, then the smaller span id. */
function lastEndingFirst(facts: readonly SpanFacts[]): readonly SpanFacts[] {
  return facts.toSorted(({ span: a }, { span: b }) => {
    if (a.endTimeUnixNano !== b.endTimeUnixNano) return a.endTimeUnixNano > b.endTimeUnixNano ? -1 : 1;
    if (a.startTimeUnixNano !== b.startTimeUnixNano) {
      return a.startTimeUnixNano > b.startTimeUnixNano ? -1 : 1;
    }
    return a.spanId < b.spanId ? -1 : a.spanId > b.spanId ? 1 : 0;
  });
}

function firstName(span: OtlpSpan, fieldRules: readonly AttributeRule[]): Found | undefined {
  for (const rule of fieldRules) {
    const value = nameBy(span, rule);
    if (value !== undefined) return { value, spanId: span.spanId, key: rule.key, ruleId: rule.id };
  }
  return undefined;
}

function failedBefore(a: OtlpSpan, b: OtlpSpan): boolean {
  const [at, bt] = [failedAt(a), failedAt(b)];
  if (at !== bt) return at !== 0n && (bt === 0n || at < bt);
  if (a.startTimeUnixNano !== b.startTimeUnixNano) return a.startTimeUnixNano > b.startTimeUnixNano;
  return a.spanId < b.spanId;
}

/** The earliest first token of one span by any rule, as latency from its start. */
function earliestFirstToken(span: OtlpSpan): {
  latency: bigint | undefined;
  key: string;
  ruleId: string;
  early: number;
} {
  const found = { latency: undefined as bigint | undefined, key: "", ruleId: "", early: 0 };
  let readKey = "";
  for (const rule of rules.firstToken) {
    // Of rules for one key, which stand together, one reads it.
    if (rule.key === readKey) continue;
    const latency = firstTokenLatency(span, rule);
    if (latency === undefined) continue;
    readKey = rule.key;
    if (latency < 0n) {
      found.early = 1;
    } else if (found.latency === undefined || latency < found.latency) {
      found.latency = latency;
      found.key = rule.key;
      found.ruleId = rule.id;
    }
  }
  return found;
}

function firstTokenLatency(span: OtlpSpan, rule: FirstTokenRule): bigint | undefined {
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

function attributeLatency(
  span: OtlpSpan,
  { key, unit }: { readonly key: string; readonly unit: "s" | "ms" },
): bigint | undefined {
  const value = attributeToNumber(span.attributes.get(key));
  const nanos = value === undefined ? Number.NaN : Math.round(value * (unit === "s" ? 1e9 : 1e6));
  // Years are no latency.
  return nanos <= 1e17 ? BigInt(nanos) : undefined;
}

function tagsIn(span: OtlpSpan, key: string): readonly string[] {
  const value = span.attributes.get(key);
  if (value === undefined || value === null || value === "") return [];
  let list: Json = attributeToJson(value);
  if (typeof list === "string" && list.startsWith("[")) list = parseOr(list, list);
  const items: readonly Json[] = Array.isArray(list) ? list : [list];
  return items
    .filter((item) => item !== null && item !== "")
    .map((item) => (typeof item === "string" ? item : JSON.stringify(item)));
}

type MetadataVisitor = (key: string, value: () => Json, rule: { id: string; key: string }) => void;

const metadataRules = rules.metadata.map((rule) => ({ rule, start: `${rule.key}.` }));

/** Calls `visit` with each key and how to read its value, in the order in which the values count. */
function visitMetadata(span: OtlpSpan, visit: MetadataVisitor): void {
  for (const { rule, start } of metadataRules) {
    if (rule.from === "attribute") {
      const value = span.attributes.get(rule.key);
      if (value === undefined || value === null) continue;
      const json = typeof value === "string" ? parseOr(value, null) : attributeToJson(value);
      if (isObject(json)) {
        for (const [key, member] of Object.entries(json)) visit(key, () => member, rule);
      } else if (value !== "") {
        visit(rule.key, () => attributeToText(value).toWellFormed(), rule);
      }
    } else {
      for (const [key, value] of span.attributes) {
        if (!key.startsWith(start)) continue;
        const name = key.slice(start.length);
        if (name === "" || rule.except.includes(name)) continue;
        visit(name.toWellFormed(), () => attributeToJson(value), { id: rule.id, key });
      }
    }
  }
}

function parseOr(text: string, fallback: Json): Json {
  try {
    return sanitizeJson(JSON.parse(text));
  } catch {
    return fallback;
  }
}

function droppedByEmitter(spans: readonly OtlpSpan[]): number {
  let dropped = 0;
  for (const span of spans) {
    dropped += span.droppedAttributesCount + span.droppedEventsCount + span.droppedLinksCount;
  }
  return dropped;
}
