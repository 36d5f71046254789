import { createEventStream } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import {
  createSpanEvent,
  type SpanEvent,
  type TraceProjection,
  TraceProjectionEventHandler,
} from "@es/trace-projection";

/** The events of a trace's spans, accepted in the order given. */
export function eventsOf(spans: readonly OtlpSpan[]): readonly SpanEvent[] {
  return spans.map((span, index) => createSpanEvent(span, BigInt(index + 1)));
}

/** What the handler makes of a trace. */
export function project(spans: readonly OtlpSpan[]): TraceProjection {
  const [first] = spans;
  if (first === undefined) throw new Error("A trace has at least one span.");
  return new TraceProjectionEventHandler().handle(createEventStream(first.traceId, eventsOf(spans)));
}
