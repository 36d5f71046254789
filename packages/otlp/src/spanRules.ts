import type { Attributes, SpanLink, SpanStatusCode, TimedEvent } from "./span.js";

/** Arrays and kvlists may nest this deep in one attribute. Real payloads stay below ten. */
export const MAX_VALUE_DEPTH = 100;

export const NO_ATTRIBUTES: Attributes = new Map();
export const NO_EVENTS: readonly TimedEvent[] = Object.freeze([]);
export const NO_LINKS: readonly SpanLink[] = Object.freeze([]);

export const ZERO_TRACE_ID = "0".repeat(32);
export const ZERO_SPAN_ID = "0".repeat(16);

/** Why the ids of a span refuse it, or undefined. `parentSpanId` is "" for a root; all are lowercase hex. */
export function idProblem(traceId: string, spanId: string, parentSpanId: string): string | undefined {
  if (traceId.length !== 32) return wrongLength("traceId", traceId, 16);
  if (traceId === ZERO_TRACE_ID) return "traceId is all zeros";
  if (spanId.length !== 16) return wrongLength("spanId", spanId, 8);
  if (spanId === ZERO_SPAN_ID) return "spanId is all zeros";
  if (parentSpanId !== "" && parentSpanId.length !== 16) return wrongLength("parentSpanId", parentSpanId, 8);
  return undefined;
}

/**
 * Why the ids of a link drop it, or undefined. Empty and all-zero ids are fine: the OpenTelemetry API lets a link without
 * a valid context carry attributes.
 */
export function linkProblem(traceId: string, spanId: string): string | undefined {
  if (traceId !== "" && traceId.length !== 32) return wrongLength("traceId", traceId, 16);
  if (spanId !== "" && spanId.length !== 16) return wrongLength("spanId", spanId, 8);
  return undefined;
}

function wrongLength(field: string, hex: string, wanted: number): string {
  if (hex === "") return `${field} is missing`;
  const length = hex.length > 64 ? "more than 32" : hex.length / 2;
  return `${field} has ${length} bytes, must have ${wanted}`;
}

/** A status code of a later version of the protocol says nothing to us: unset. */
export function statusCode(code: number): SpanStatusCode {
  return code === 1 || code === 2 ? code : 0;
}
