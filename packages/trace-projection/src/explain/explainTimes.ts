import type { OtlpSpan } from "@es/otlp";
import { type FirstTokenCandidate, findFirstToken } from "../selection/firstToken.js";
import { type FoundTime, timesOf } from "../selection/traceTimes.js";
import { type ExplainedTrace, type FoundValue, fieldOf, Losers } from "./explainField.js";
import type { FieldExplanation, LosingReason } from "./traceExplanation.js";

/** Start and end, and the duration between them. */
export function explainTimes(of: ExplainedTrace): readonly FieldExplanation[] {
  const { startFrom, endFrom } = timesOf(of.tree.spans);
  const { startTimeUnixNano, endTimeUnixNano, durationNano } = of.projection;
  return [
    fieldOf(of, "startTimeUnixNano", startTimeUnixNano, endOf(of, startFrom, "later-span")),
    fieldOf(of, "endTimeUnixNano", endTimeUnixNano, endOf(of, endFrom, "ended-earlier")),
    fieldOf(of, "durationNano", durationNano, { from: ["startTimeUnixNano", "endTimeUnixNano"] }),
  ];
}

function endOf(of: ExplainedTrace, from: FoundTime | undefined, reason: LosingReason) {
  const losers = new Losers(of);
  if (from === undefined) return { losers };
  const { key, ruleId } = from;
  const foundIn = (span: OtlpSpan): FoundValue => ({ span, key, ruleId, value: String(span[key]) });
  const [known, unknown]: [OtlpSpan[], OtlpSpan[]] = [[], []];
  for (const span of of.tree.spans) {
    if (span !== from.span) (span[key] === 0n ? unknown : known).push(span);
  }
  const order = reason === "later-span" ? 1 : -1;
  // Of equal times the order of the trace stays.
  known.sort((a, b) => (a[key] === b[key] ? 0 : a[key] < b[key] ? -order : order));
  for (const span of known) losers.add(foundIn(span), reason);
  for (const span of unknown) losers.add(foundIn(span), "zero-timestamp");
  return { winner: foundIn(from.span), losers };
}

export function explainFirstToken(of: ExplainedTrace): readonly FieldExplanation[] {
  const seen: FirstTokenCandidate[] = [];
  const { call, trace } = findFirstToken(of.tree.spans, (candidate) => seen.push(candidate));
  const { timeToFirstTokenNano } = of.projection;
  const early = seen.filter(({ latency }) => latency < 0n);
  const taken = seen.filter(({ latency }) => latency >= 0n);
  const ofCalls = new Losers(of);
  for (const candidate of sortedBy(taken, ({ latency }) => latency)) {
    if (!isSame(candidate, call)) ofCalls.add(foundIn(candidate), reasonOf(call, candidate, "slower-call"));
  }
  const ofTrace = new Losers(of);
  const instants = taken.filter(({ span }) => span.startTimeUnixNano !== 0n);
  for (const candidate of sortedBy(instants, ({ span, latency }) => span.startTimeUnixNano + latency)) {
    if (!isSame(candidate, trace)) {
      ofTrace.add(foundIn(candidate), reasonOf(trace, candidate, "later-first-token"));
    }
  }
  for (const candidate of taken) {
    if (candidate.span.startTimeUnixNano === 0n) ofTrace.add(foundIn(candidate), "no-start-time");
  }
  for (const candidate of early) {
    ofCalls.add(foundIn(candidate), "early-first-token");
    ofTrace.add(foundIn(candidate), "early-first-token");
  }
  return [
    fieldOf(of, "timeToFirstTokenNano.call", timeToFirstTokenNano?.call ?? null, {
      winner: call && foundIn(call),
      losers: ofCalls,
    }),
    fieldOf(of, "timeToFirstTokenNano.trace", timeToFirstTokenNano?.trace ?? null, {
      winner: trace && foundIn(trace),
      losers: ofTrace,
      ...(trace === undefined ? {} : { from: ["startTimeUnixNano"] }),
    }),
  ];
}

function foundIn({ span, key, ruleId, latency }: FirstTokenCandidate): FoundValue {
  return { span, key, ruleId, value: String(latency) };
}

function isSame(a: FirstTokenCandidate, b: FirstTokenCandidate | undefined): boolean {
  return a.span === b?.span && a.ruleId === b.ruleId;
}

/** Of equal ones in one span the rule that comes first is taken, and of spans the earlier. */
function reasonOf(
  winner: FirstTokenCandidate | undefined,
  loser: FirstTokenCandidate,
  reason: LosingReason,
): LosingReason {
  if (winner === undefined || winner.span !== loser.span || winner.latency !== loser.latency) return reason;
  return "lower-precedence-rule";
}

function sortedBy<T>(items: readonly T[], of: (item: T) => bigint): readonly T[] {
  return items.toSorted((a, b) => {
    const [at, bt] = [of(a), of(b)];
    return at === bt ? 0 : at < bt ? -1 : 1;
  });
}
