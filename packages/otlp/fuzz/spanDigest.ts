import { createHash } from "node:crypto";
import type { OtlpSpan } from "../src/index.js";

/** Equal exactly for equal spans, down to -0 and NaN. */
export function spansDigest(spans: readonly OtlpSpan[]): string {
  return createHash("sha1").update(JSON.stringify(spans, exact)).digest("hex");
}

function exact(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `bigint ${value}`;
  if (typeof value === "string") return `string ${value}`;
  if (typeof value === "number") return Object.is(value, -0) ? "number -0" : `number ${value}`;
  if (value instanceof Map) return { map: [...value] };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") };
  return value;
}

/** What a span is known by: enough to find the one in the request that it was made of. */
export function spanBrief(traceId: string, spanId: string, name: string): string {
  return createHash("sha1")
    .update(JSON.stringify([traceId, spanId, name]))
    .digest("hex")
    .slice(0, 8);
}
