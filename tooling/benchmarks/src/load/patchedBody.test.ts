import { decodeTraceRequest, encodeTraceRequest, type OtlpEncoding } from "@es/otlp";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { genAiTraces, SPANS_PER_TRACE } from "./genAiTraces.js";
import { ID_PREFIX, PatchedBody } from "./patchedBody.js";

const spans = genAiTraces({ traces: 5, seed: 1, idPrefix: ID_PREFIX });

describe.each([
  ["protobuf", "bytes"],
  ["json", "hex"],
] as const)("a patched body in %s", (encoding: OtlpEncoding, ids) => {
  const body = new PatchedBody(encodeTraceRequest(spans, encoding), ids);
  const sent = (number: number) => {
    body.setIds(number);
    return decodeTraceRequest(body.bytes, encoding).spans;
  };

  it("differs from the template in its ids only, and keeps who is whose parent", () => {
    const bare = (some: typeof spans) =>
      some.map((span) => ({
        ...span,
        traceId: span.traceId.slice(8),
        spanId: span.spanId.slice(8),
        parentSpanId: span.parentSpanId.slice(8),
      }));
    const decoded = sent(7);
    expect(bare([...decoded])).toEqual(bare(spans));
    const known = new Set(decoded.map(({ spanId }) => spanId));
    expect(decoded.every(({ parentSpanId }) => parentSpanId === "" || known.has(parentSpanId))).toBe(true);
  });

  it("has other ids for every number", () => {
    const number = fc.nat(2 ** 32 - 1);
    fc.assert(
      fc.property(number, number, (a, b) => {
        const traces = (n: number) => new Set(sent(n).map(({ traceId }) => traceId));
        const both = new Set([...traces(a), ...traces(b)]);
        expect(both.size).toBe(a === b ? 5 : 10);
      }),
      { numRuns: 50 },
    );
  });
});

it("sends spans of about 900 bytes", () => {
  const many = genAiTraces({ traces: 100, seed: 2 });
  const size = encodeTraceRequest(many, "protobuf").byteLength / (100 * SPANS_PER_TRACE);
  expect(size).toBeGreaterThan(850);
  expect(size).toBeLessThan(950);
});
