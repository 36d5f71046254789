import type { TenantId } from "@es/core";
import { decodeTraceRequest, encodeTraceRequest, type OtlpSpan, type Resource, type Scope } from "@es/otlp";
import { NativeBytes } from "@es/store-clickhouse";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anySpan } from "../../../trace-projection/test/spanArbitraries.js";
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

describe("a large resource and scope", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: { intValue: i } }));
  const list = { arrayValue: { values: many(3_000).map(({ value }) => value) } };
  const attributes = [
    ...many(6_000),
    { key: "service.name", value: { stringValue: "app" } },
    { key: "text", value: { stringValue: "é".repeat(100_000) } },
    { key: "list", value: list },
    { key: "map", value: { kvlistValue: { values: many(3_000) } } },
  ];
  const ids = { traceId: "1".repeat(32), spanId: "2".repeat(16) };
  const link = { ...ids, flags: 3 };
  const event = { timeUnixNano: "1", droppedAttributesCount: 1 };
  const spans = [{ ...ids, flags: 1 }, { ...ids, links: [link], events: [event] }, ids];
  const request = (more: object) => ({
    resourceSpans: [
      {
        resource: { attributes, droppedAttributesCount: 2 },
        schemaUrl: "resource's",
        scopeSpans: [{ scope: { name: "s", attributes, ...more }, schemaUrl: "scope's", spans }],
      },
    ],
  });

  it.each(["protobuf", "json"] as const)(
    "are written in steps as they are written at once, in %s",
    (encoding) => {
      const decoded = decodeTraceRequest(
        Buffer.from(JSON.stringify(request({ version: "1" }))),
        "json",
      ).spans;
      const atOnce = new SpanBlock();
      for (const span of decoded) atOnce.addSpan(span);
      const encoder = new SpanBlockEncoder(new SpanBlockPool(), () => true);
      decodeTraceRequest(encodeTraceRequest(decoded, encoding), encoding, {}, encoder);
      const [rows] = encoder.finish()?.seal("t" as TenantId, () => 1n) ?? [];
      const expected = atOnce.seal("t" as TenantId, () => 1n, new NativeBytes());
      expect(rows?.rows).toBe(3);
      expect(Buffer.from(rows?.bytes ?? []).equals(expected.bytes)).toBe(true);
    },
  );

  it("take many steps, once for all spans", () => {
    const [span] = decodeTraceRequest(Buffer.from(JSON.stringify(request({}))), "json").spans as [OtlpSpan];
    const encoder = new SpanBlockEncoder(new SpanBlockPool(), () => true);
    encoder.startGroup(span.resource, span.scope);
    const stepsOf = () => {
      const steps = encoder.openGroup();
      for (let count = 1; ; count++) if (steps.next().done === true) return count;
    };
    expect(stepsOf()).toBeGreaterThan(50);
    expect(stepsOf()).toBe(1);
  });

  it("fill a block of their own each where they are that large", () => {
    const large = [{ key: "text", value: { stringValue: "x".repeat(3_000_000) } }];
    const body = {
      resourceSpans: [{ resource: { attributes: large }, scopeSpans: [{ spans: [ids, ids, ids, ids] }] }],
    };
    const encoder = new SpanBlockEncoder(new SpanBlockPool(), () => true);
    decodeTraceRequest(Buffer.from(JSON.stringify(body)), "json", {}, encoder);
    const blocks = encoder.finish()?.seal("t" as TenantId, () => 1n) ?? [];
    expect(blocks.map(({ rows }) => rows)).toEqual([2, 2]);
    for (const { bytes } of blocks) expect(bytes.length).toBeLessThan(7_000_000);
  });

  it("say how much each row has of them, keys included where they are large", () => {
    const sizeOf = (entries: readonly [string, string][]) => {
      const resource = { attributes: new Map(entries), droppedAttributesCount: 0, schemaUrl: "" };
      const encoder = new SpanBlockEncoder(new SpanBlockPool(), () => true);
      encoder.startGroup(resource, { ...resource, attributes: new Map(), name: "", version: "" });
      const steps = encoder.openGroup();
      for (;;) {
        const step = steps.next();
        if (step.done === true) return step.value;
      }
    };
    expect(sizeOf([["key", "x".repeat(5_000)]])).toBeGreaterThan(5_000);
    expect(sizeOf([["key", "x".repeat(5_000)]])).toBeLessThan(5_100);
    expect(sizeOf([["k".repeat(1_000_000), ""]])).toBeGreaterThan(1_000_000);
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
