import type { Event } from "@es/core";
import type { OtlpSpan } from "@es/otlp";

/** A span was received. Its identity is the span id, so a span sent any number of times counts once. */
export interface SpanEvent extends Event<"span", OtlpSpan> {}

/**
 * @param span as decoded; it is shared, not copied
 * @param acceptedAt Unix nanoseconds, from an `AcceptedClock`
 */
export function createSpanEvent(span: OtlpSpan, acceptedAt: bigint): SpanEvent {
  return {
    id: span.spanId,
    aggregateId: span.traceId,
    type: "span",
    occurredAt: span.startTimeUnixNano,
    acceptedAt,
    data: span,
  };
}
