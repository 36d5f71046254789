import type { TenantId } from "@es/core";
import { decodeTraceRequest, type OtlpSpan, type Resource, type Scope } from "@es/otlp";
import { NativeBytes } from "@es/store-clickhouse";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anySpan } from "../../test/spanArbitraries.js";
import { SpanBlock } from "./spanBlock.js";
import { SpanBlockEncoder, SpanBlockPool } from "./spanBlockEncoder.js";

function encode(pool: SpanBlockPool, ...spans: readonly (readonly object[])[]): void {
  const ids = { traceId: "1".repeat(32), spanId: "2".repeat(16) };
  const request = {
    resourceSpans: [{ scopeSpans: [{ spans: spans.map((attributes) => ({ ...ids, attributes })) }] }],
  };
  const encoder = new SpanBlockEncoder(pool, () => true);
  decodeTraceRequest(Buffer.from(JSON.stringify(request)), "json", {}, encoder);
  expect(encoder.finish()?.count).toBe(spans.length);
}

describe("a large span", () => {
  const seal = (block: SpanBlock) =>
    Buffer.from(block.seal("t" as TenantId, () => 1n, new NativeBytes()).bytes);

  it("is written in steps as it is written at once", () => {
    // A JavaScript object moves such keys, and so does a row made of it.
    const isMoved = (value: unknown): boolean =>
      value instanceof Map
        ? [...value].some(([key, member]) => /^\d+$/.test(key) || isMoved(member))
        : Array.isArray(value) && value.some(isMoved);
    let written = 0;
    fc.assert(
      fc.property(anySpan, (span) => {
        const maps = [span, ...span.events, ...span.links].map(({ attributes }) => attributes);
        if (maps.some(isMoved)) return;
        written++;
        const [atOnce, inSteps] = [new SpanBlock(), new SpanBlock()];
        atOnce.addSpan(span);
        for (const _ of inSteps.addLargeSpan(span));
        expect(seal(inSteps).equals(seal(atOnce))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
    expect(written).toBeGreaterThan(200);
  });

  it("takes many steps", () => {
    const attributes = Array.from({ length: 20_000 }, (_, i) => ({ key: `k${i}`, value: { intValue: i } }));
    const values = Array.from({ length: 20_000 }, (_, i) => ({ doubleValue: i / 2 }));
    const event = { attributes: [{ key: "list", value: { arrayValue: { values } } }] };
    const span = { traceId: "1".repeat(32), spanId: "2".repeat(16), attributes, events: [event] };
    const request = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
    const { spans } = decodeTraceRequest(Buffer.from(JSON.stringify(request)), "json");
    const [atOnce, inSteps] = [new SpanBlock(), new SpanBlock()];
    let steps = 0;
    for (const _ of inSteps.addLargeSpan(spans[0] as OtlpSpan)) steps++;
    expect(steps).toBeGreaterThan(100);
    atOnce.addSpan(spans[0] as OtlpSpan);
    expect(seal(inSteps).equals(seal(atOnce))).toBe(true);
  });
});

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
    ["a large list", [[{ key: "list", value: { arrayValue: { values } } }]]],
    [
      "many keys",
      Array.from({ length: 20 }, (_, span) =>
        Array.from({ length: 4_000 }, (_, i) => ({ key: `k${span}-${i}`, value: { intValue: 1 } })),
      ),
    ],
  ])("keeps the memory of a usual request, and not that of %s", (_, spans) => {
    const pool = new SpanBlockPool();
    encode(pool, [{ key: "a", value: { intValue: 1 } }]);
    const usual = pool.takeWriters();
    pool.giveWriters(usual);
    expect(pool.takeWriters()).toBe(usual);
    pool.giveWriters(usual);
    encode(pool, ...spans);
    expect(pool.takeWriters()).not.toBe(usual);
  });
});
