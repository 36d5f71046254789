import type { SpanKind } from "../traceProjection.js";

/** Whether what happens below a span of this kind is work of its own, which no call of a model above it reports as its. */
export function isOwnWork(kind: SpanKind | undefined): boolean {
  return kind === "tool" || kind === "agent";
}
