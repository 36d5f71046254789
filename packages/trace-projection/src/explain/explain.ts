import { createEventStream, type EventStream } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import { buildTraceProjection } from "../buildTraceProjection.js";
import { type ContentLimits, readContentLimits } from "../content/contentLimits.js";
import { rules } from "../conventions/conventions.js";
import { type OwnModelPrices, readOwnPrices } from "../cost/ownPrices.js";
import { createSpanEvent, type SpanEvent } from "../spanEvent.js";
import { readTraceFacts } from "../spans/spanFacts.js";
import { buildSpanTree } from "../spans/spanTree.js";
import { explainContent } from "./explainContent.js";
import { explainCost } from "./explainCost.js";
import type { ExplainedTrace } from "./explainField.js";
import { explainMetadata, explainName, explainNames, explainServices, explainTags } from "./explainNames.js";
import { explainKinds, explainRoot, explainStatus } from "./explainStatus.js";
import { explainFirstToken, explainTimes } from "./explainTimes.js";
import { explainUsage } from "./explainUsage.js";
import type { TraceExplanation } from "./traceExplanation.js";

export interface ExplainOptions {
  /** The handler's, where it has others than `defaultContentLimits`. */
  readonly limits?: Partial<ContentLimits>;
  /** The handler's own prices. @default none */
  readonly prices?: readonly OwnModelPrices[];
  /** Losers per field, and parts per sum, that are listed; of the others it is said how many there were. @default 20 */
  readonly candidates?: number;
  /** Characters (UTF-16 code units) that are kept of a value. @default 200 */
  readonly valueCharacters?: number;
}

/**
 * Why a trace's projection says what it says: for each field the span, key and rule that gave it, and which values lost,
 * and why. Chosen by the very functions the projection is made with, in a pass of its own: made on demand, not stored.
 *
 * @param trace the trace's stream, or its spans; of spans with one id one counts, as in a stream
 * @throws RangeError for an option that is no whole number, or negative; EventSourcingError `INVALID_OPTIONS` for limits
 * and prices that are none
 */
export function explain(
  trace: EventStream<string, SpanEvent> | readonly OtlpSpan[],
  options: ExplainOptions = {},
): TraceExplanation {
  const { candidates = 20, valueCharacters = 200 } = options;
  for (const [name, value] of Object.entries({ candidates, valueCharacters })) {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`${name} is ${value}: expected 0 or more`);
  }
  const stream = isSpans(trace) ? streamOf(trace) : trace;
  const limits = readContentLimits(options.limits);
  const prices = readOwnPrices(options.prices ?? []);
  const tree = buildSpanTree(stream.events.map((event) => event.data));
  const facts = readTraceFacts(tree);
  const of: ExplainedTrace = {
    tree,
    trace: facts,
    kinds: new Map(facts.facts.map(({ span, kind }) => [span, kind])),
    projection: buildTraceProjection(stream, limits, prices),
    limits,
    prices,
    candidates,
    valueCharacters,
  };
  return {
    traceId: stream.aggregateId,
    spanCount: tree.spans.length,
    fields: [
      ...explainRoot(of),
      ...explainTimes(of),
      ...explainStatus(of),
      ...explainKinds(of),
      explainContent(of, "input"),
      explainContent(of, "output"),
      ...explainNames(of, "models", rules.models),
      ...explainNames(of, "providers", rules.providers),
      ...explainServices(of),
      ...explainUsage(of),
      ...explainCost(of),
      ...explainFirstToken(of),
      explainName(of, "sessionId", rules.sessions),
      ...explainNames(of, "otherSessionIds", rules.sessions),
      explainName(of, "userId", rules.users),
      ...explainTags(of),
      ...explainMetadata(of),
    ],
  };
}

function isSpans(trace: EventStream<string, SpanEvent> | readonly OtlpSpan[]): trace is readonly OtlpSpan[] {
  return Array.isArray(trace);
}

function streamOf(spans: readonly OtlpSpan[]): EventStream<string, SpanEvent> {
  return createEventStream(
    spans[0]?.traceId ?? "",
    spans.map((span) => createSpanEvent(span, 0n)),
  );
}
