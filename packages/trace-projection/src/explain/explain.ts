import { createEventStream, type EventStream } from "@es/core";
import { wholeNumber } from "@es/core/adapter";
import type { OtlpSpan } from "@es/otlp";
import { projectReading } from "../buildTraceProjection.js";
import { type ContentLimits, readContentLimits } from "../content/contentLimits.js";
import { rules } from "../conventions/conventions.js";
import { type OwnModelPrices, readOwnPrices } from "../cost/ownPrices.js";
import { WholeReading } from "../reading/wholeReading.js";
import { createSpanEvent, type SpanEvent } from "../spanEvent.js";
import { FoldedSpan, SharedValues } from "../spans/foldedSpan.js";
import { readTraceFacts } from "../spans/spanFacts.js";
import { buildSpanTree } from "../spans/spanTree.js";
import { explainContent } from "./explainContent.js";
import { explainCost } from "./explainCost.js";
import type { ExplainedTrace } from "./explainField.js";
import { explainMetadata, explainName, explainNames, explainServices, explainTags } from "./explainNames.js";
import { explainKinds, explainRoot, explainStatus } from "./explainStatus.js";
import { explainFirstToken, explainTimes } from "./explainTimes.js";
import { explainUsage } from "./explainUsage.js";
import type { FieldExplanation, TraceExplanation } from "./traceExplanation.js";

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
 * @throws EventSourcingError `INVALID_OPTIONS` for an option that is no whole number, or negative, and for limits
 * and prices that are none
 */
export function explain(
  trace: EventStream<string, SpanEvent> | readonly OtlpSpan[],
  options: ExplainOptions = {},
): TraceExplanation {
  const steps = explainInSteps(trace, options);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Spans that are read in one step. */
const SPANS_PER_STEP = 500;

/** {@link explain}, as well; between its steps whoever has others to serve can let them go on. */
export function* explainInSteps(
  trace: EventStream<string, SpanEvent> | readonly OtlpSpan[],
  options: ExplainOptions = {},
): Generator<void, TraceExplanation> {
  const { candidates = 20, valueCharacters = 200 } = options;
  for (const [name, value] of Object.entries({ candidates, valueCharacters })) {
    wholeNumber(name, value, 0);
  }
  const stream = isSpans(trace) ? streamOf(trace) : trace;
  const limits = readContentLimits(options.limits);
  const prices = readOwnPrices(options.prices ?? []);
  const shared = new SharedValues();
  const spans: FoldedSpan[] = [];
  for (const { data } of stream.events) {
    // Folded, a span is read once, however many fields ask.
    const span = new FoldedSpan(data, shared);
    span.read();
    if (spans.push(span) % SPANS_PER_STEP === 0) yield;
  }
  const tree = buildSpanTree(spans);
  yield;
  const facts = readTraceFacts(tree);
  yield;
  const projection = projectReading(stream.aggregateId, new WholeReading(tree, prices, facts), limits);
  yield;
  const of: ExplainedTrace = {
    tree,
    trace: facts,
    kinds: new Map(facts.facts.map(({ span, kind }) => [span, kind])),
    projection,
    limits,
    prices,
    candidates,
    valueCharacters,
  };
  const fields: FieldExplanation[] = [];
  for (const explainFields of explained) {
    fields.push(...explainFields(of));
    yield;
  }
  return { traceId: stream.aggregateId, spanCount: tree.spans.length, fields };
}

/** In the order of the answer. */
const explained: readonly ((of: ExplainedTrace) => readonly FieldExplanation[])[] = [
  explainRoot,
  explainTimes,
  explainStatus,
  explainKinds,
  (of) => [explainContent(of, "input")],
  (of) => [explainContent(of, "output")],
  (of) => explainNames(of, "models", rules.models),
  (of) => explainNames(of, "providers", rules.providers),
  explainServices,
  explainUsage,
  explainCost,
  explainFirstToken,
  (of) => [explainName(of, "sessionId", rules.sessions, rules.resourceSessions)],
  (of) => explainNames(of, "otherSessionIds", rules.sessions),
  (of) => [explainName(of, "userId", rules.users, rules.resourceUsers)],
  explainTags,
  explainMetadata,
];

function isSpans(trace: EventStream<string, SpanEvent> | readonly OtlpSpan[]): trace is readonly OtlpSpan[] {
  return Array.isArray(trace);
}

function streamOf(spans: readonly OtlpSpan[]): EventStream<string, SpanEvent> {
  return createEventStream(
    spans[0]?.traceId ?? "",
    spans.map((span) => createSpanEvent(span, 0n)),
  );
}
