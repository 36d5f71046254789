import type { SpanRole } from "../traceProjection.js";

/** Whether what happens below a span of this role is work of its own, which no call of a model above it reports as its. */
export function isOwnWork(role: SpanRole | undefined): boolean {
  return role === "tool" || role === "agent";
}
