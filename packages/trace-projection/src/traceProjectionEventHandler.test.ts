import { createEventStream } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import type { OtlpSpan } from "@es/otlp";
import { checkOrderFree } from "@es/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyOddTrace, anyTrace, traceId } from "../test/spanArbitraries.js";
import { createSpanEvent, type SpanEvent } from "./spanEvent.js";
import type { TraceProjection } from "./traceProjection.js";
import { TRACE_PROJECTION_VERSION, TraceProjectionEventHandler } from "./traceProjectionEventHandler.js";

const handler = new TraceProjectionEventHandler();

function fold(
  events: readonly SpanEvent[],
  ordering?: (a: SpanEvent, b: SpanEvent) => number,
): TraceProjection {
  return handler.handle(createEventStream(traceId, events, ordering === undefined ? {} : { ordering }));
}

const accept = (spans: readonly OtlpSpan[], offset = 0) =>
  spans.map((span, index) => createSpanEvent(span, BigInt(offset + index)));

/** The events of a trace in any order, some of them several times. */
const shuffled = (spans: readonly OtlpSpan[]) =>
  fc
    .array(fc.nat({ max: spans.length - 1 }), { maxLength: 6 })
    .map((again) => [...accept(spans), ...again.map((index) => accept(spans)[index] as SpanEvent)])
    .chain((events) => fc.shuffledSubarray(events, { minLength: events.length, maxLength: events.length }));

describe("TraceProjectionEventHandler", () => {
  it("is a function of the set of spans: any order and duplication gives the same bytes", () => {
    fc.assert(
      fc.property(
        anyTrace.chain((spans) => fc.tuple(fc.constant(spans), shuffled(spans))),
        ([spans, events]) => {
          expect(canonicalJson(fold(events))).toBe(canonicalJson(fold(accept(spans))));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("depends on nothing but the set of spans, whatever they carry under the keys that are read", () => {
    const events = fc
      .oneof(anyTrace, anyOddTrace)
      .map((spans) => accept(spans))
      .filter((events) => events.length > 0);
    checkOrderFree({ handler: () => new TraceProjectionEventHandler(), events, numRuns: 150, seed: 4 });
  });

  it("never fails on odd values, and what it says is JSON with figures that add up", () => {
    fc.assert(
      fc.property(anyOddTrace, (spans) => {
        const projection = fold(accept(spans));
        expect(JSON.parse(JSON.stringify(projection))).toEqual(projection);
        expect(JSON.stringify(projection).isWellFormed()).toBe(true);
        const { inputTokens, outputTokens, totalTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } =
          projection.usage;
        for (const count of Object.values(projection.usage)) {
          expect(Number.isSafeInteger(count) && count >= 0).toBe(true);
        }
        expect(totalTokens).toBeGreaterThanOrEqual(Math.max(inputTokens, outputTokens));
        expect(inputTokens).toBeGreaterThanOrEqual(Math.max(cacheReadTokens, cacheWriteTokens));
        expect(reasoningTokens).toBeGreaterThanOrEqual(0);
        expect(projection.cost?.amount ?? "0").toMatch(/^\d+(\.\d{1,12})?$/);
      }),
      { numRuns: 150, seed: 4 },
    );
  });

  it("gives the same bytes whatever the stream's ordering is", () => {
    fc.assert(
      fc.property(anyTrace, (spans) => {
        const events = accept(spans);
        const backwards = fold(events, (a, b) => (a.id < b.id ? 1 : -1));
        expect(JSON.stringify(backwards)).toBe(JSON.stringify(fold(events)));
      }),
      { numRuns: 200 },
    );
  });

  it("gives a JSON value: what is read back is what was written", () => {
    fc.assert(
      fc.property(anyTrace, (spans) => {
        const projection = fold(accept(spans));
        expect(JSON.parse(canonicalJson(projection))).toEqual(projection);
      }),
      { numRuns: 200 },
    );
  });

  it("counts no less input than any one span reports, nor more than all do, whoever knows the cache", () => {
    fc.assert(
      fc.property(anyTrace, (spans) => {
        const alone = spans.map((span) => fold(accept([{ ...span, parentSpanId: "" }])).usage);
        const together = fold(accept(spans)).usage;
        for (const field of ["inputTokens", "outputTokens", "cacheReadTokens", "totalTokens"] as const) {
          const all = alone.map((usage) => usage[field]);
          expect(together[field]).toBeLessThanOrEqual(all.reduce((a, b) => a + b, 0));
          if (field !== "cacheReadTokens") expect(together[field]).toBeGreaterThanOrEqual(Math.max(...all));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("never counts more than all spans report, nor less than any one of them", () => {
    fc.assert(
      fc.property(anyTrace, (spans) => {
        const alone = spans.map((span) => fold(accept([{ ...span, parentSpanId: "" }])).usage.outputTokens);
        const together = fold(accept(spans)).usage.outputTokens;
        expect(together).toBeLessThanOrEqual(alone.reduce((a, b) => a + b, 0));
        expect(together).toBeGreaterThanOrEqual(Math.max(...alone));
      }),
      { numRuns: 200 },
    );
  });

  it("knows the version of its rules, and another where told so", () => {
    expect(handler.version).toBe(TRACE_PROJECTION_VERSION);
    expect(new TraceProjectionEventHandler({ version: 70 }).version).toBe(70);
  });
});
