import { createEventStream, type EventStream } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import type { AttributeValue, OtlpSpan } from "@es/otlp";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { anyOddTrace, anySpan, anyTrace, traceId } from "../../test/spanArbitraries.js";
import { buildTraceProjection } from "../buildTraceProjection.js";
import { demoTraces } from "../demo/demoTraces.js";
import { createSpanEvent, type SpanEvent } from "../spanEvent.js";
import type { TraceProjection } from "../traceProjection.js";
import { candidateRules, type IndexedRule } from "./candidateRules.js";
import { rules } from "./conventions.js";

type Build = (stream: EventStream<string, SpanEvent>) => TraceProjection;

/** The builder as it is, but that it asks every rule of every span. */
let buildByAllRules: Build;
beforeAll(async () => {
  vi.resetModules();
  vi.doMock("./candidateRules.js", () => ({
    candidateRules: (_: OtlpSpan, list: readonly IndexedRule[]) => list,
  }));
  ({ buildTraceProjection: buildByAllRules } = await import("../buildTraceProjection.js"));
});
afterAll(() => {
  vi.doUnmock("./candidateRules.js");
  vi.resetModules();
});

function expectTheSame(spans: readonly OtlpSpan[]): void {
  const stream = () =>
    createEventStream(
      traceId,
      spans.map((span, i) => createSpanEvent(span, BigInt(i))),
    );
  const expected = canonicalJson(buildByAllRules(stream()));
  const got = canonicalJson(buildTraceProjection(stream()));
  if (got !== expected) expect(got).toBe(expected);
}

const lists = Object.values(rules) as readonly (readonly IndexedRule[])[];

/** Every key that a rule names, and keys that only begin like one. */
const readKeys = [
  ...new Set(
    lists.flat().flatMap((rule) => {
      const keys =
        "source" in rule
          ? [rule.source.key, "http.request.method", "url.path"]
          : "keys" in rule
            ? rule.keys
            : [rule.key];
      return keys.flatMap((key) => [key, `${key}.0`, `${key}.name`, `${key}.0.message.content`, `${key}x`]);
    }),
  ),
];
const readValue: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.constantFrom<AttributeValue>("", "chat", "gpt-4o", "openai", "LLM", "7", 7n, 0.5, null, true, [
    "a",
    "b",
  ]),
  fc.constantFrom('{"a":1,"total":2}', '["x"]', '[{"role":"user","content":"hi"}]', "2026-01-01T00:00:00Z"),
);
const attributes = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...readKeys), readValue), { maxLength: 12, selector: ([key]) => key })
  .map((pairs) => new Map(pairs));
const readTrace = fc.array(fc.tuple(anySpan, attributes), { minLength: 1, maxLength: 6 }).map((spans) =>
  spans.map(([span, read], i) => ({
    ...span,
    traceId,
    spanId: String(i).padStart(16, "0"),
    attributes: i % 2 === 0 ? read : new Map([...span.attributes, ...read]),
  })),
);

describe("asking only the rules that may find something", () => {
  it("gives the projection that asking all of them gives, of any spans", () => {
    fc.assert(fc.property(readTrace, expectTheSame), { numRuns: 800 });
    fc.assert(fc.property(fc.oneof(anyTrace, anyOddTrace), expectTheSame), { numRuns: 200 });
  });

  it("gives the projection that asking all of them gives, of every demo trace", () => {
    for (const { batches } of demoTraces({ now: 1_780_000_000_000_000_000n })) expectTheSame(batches.flat());
  });

  it("keeps the rules in their order, and asks few of a span that says little", () => {
    fc.assert(
      fc.property(readTrace, (spans) => {
        for (const span of spans) {
          for (const list of lists) {
            const asked = candidateRules(span, list);
            expect(asked).toEqual(list.filter((rule) => asked.includes(rule)));
          }
        }
      }),
      { numRuns: 200 },
    );
    const [span] = fc.sample(anySpan, { numRuns: 1, seed: 1 }) as [OtlpSpan];
    const quiet = { ...span, events: [], attributes: new Map([["http.request.method", "GET"]]) };
    expect(lists.flatMap((list) => candidateRules(quiet, list)).length).toBeLessThan(5);
  });

  it("forgets what it remembers of keys before it is too much", () => {
    const [span] = fc.sample(anySpan, { numRuns: 1, seed: 1 }) as [OtlpSpan];
    for (let i = 0; i < 30_000; i++) {
      const some = readKeys.filter((_, place) => (place * 7 + i * 13) % 101 === 0);
      const odd = { ...span, attributes: new Map([...some, `key ${i}`].map((key) => [key, "7"])) };
      const asked = candidateRules(odd, rules.models);
      expect(asked).toEqual(rules.models.filter(({ key }) => odd.attributes.has(key)));
    }
  });
});
