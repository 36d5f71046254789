import { decodeTraceRequest, type Resource, type Scope } from "@es/otlp";
import { describe, expect, it } from "vitest";
import { SpanBlockEncoder, SpanBlockPool } from "./spanBlockEncoder.js";

function encode(pool: SpanBlockPool, attributes: readonly object[]): void {
  const span = { traceId: "1".repeat(32), spanId: "2".repeat(16), attributes };
  const request = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
  const encoder = new SpanBlockEncoder(pool, () => true);
  decodeTraceRequest(Buffer.from(JSON.stringify(request)), "json", {}, encoder);
  expect(encoder.finish()?.count).toBe(1);
}

describe("the encoder of spans", () => {
  it("looks at no group without spans", () => {
    const resource = {
      get attributes(): never {
        throw new Error("looked at");
      },
    } as unknown as Resource;
    const encoder = new SpanBlockEncoder(new SpanBlockPool(), () => true);
    expect(encoder.startGroup(resource, {} as Scope)).toBe(true);
    expect(encoder.finish()).toBeUndefined();
  });

  const values = Array.from({ length: 200 }, () => ({ stringValue: "x".repeat(50_000) }));
  it.each([
    ["a large list", [{ key: "list", value: { arrayValue: { values } } }]],
    ["many keys", Array.from({ length: 80_000 }, (_, i) => ({ key: `k${i}`, value: { intValue: 1 } }))],
  ])("keeps the memory of a usual request, and not that of %s", (_, attributes) => {
    const pool = new SpanBlockPool();
    encode(pool, [{ key: "a", value: { intValue: 1 } }]);
    const usual = pool.takeWriters();
    pool.giveWriters(usual);
    expect(pool.takeWriters()).toBe(usual);
    pool.giveWriters(usual);
    encode(pool, attributes);
    expect(pool.takeWriters()).not.toBe(usual);
  });
});
