import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { spanGroups } from "../test/fixtures/arbitraries.js";
import { decodeByReference } from "../test/fixtures/reference.js";
import { decodeTraceRequest, encodeTraceRequest, type OtlpSpan } from "./index.js";

describe("writing a request", () => {
  it.each(["protobuf", "json"] as const)("is the inverse of reading one, in %s", (encoding) => {
    let count = 0;
    fc.assert(
      fc.property(spanGroups, (spans) => {
        const decoded = decodeTraceRequest(encodeTraceRequest(spans, encoding), encoding);
        expect(decoded).toStrictEqual({
          spans,
          rejectedCount: 0,
          rejected: [],
          warningCount: 0,
          warnings: [],
        });
        count += spans.length;
      }),
      { numRuns: 300 },
    );
    expect(count).toBeGreaterThan(100);
  });

  it("writes protobuf that protobufjs reads as the same spans", () => {
    fc.assert(
      fc.property(spanGroups, (spans) => {
        expect(decodeByReference(encodeTraceRequest(spans, "protobuf")).spans).toStrictEqual(spans);
      }),
      { numRuns: 300 },
    );
  });

  it("brings the spans of one resource and scope together and shares these objects again", () => {
    const [a, b] = fc.sample(
      spanGroups.filter((spans) => spans.length > 0),
      { numRuns: 2, seed: 1 },
    );
    const first = a![0]!;
    const second = { ...first, name: "second" };
    const other = b![0]!;
    const decoded = decodeTraceRequest(
      encodeTraceRequest([first, other, second], "protobuf"),
      "protobuf",
    ).spans;
    expect(decoded).toStrictEqual([first, second, other]);
    expect(decoded[0]?.resource).toBe(decoded[1]?.resource);
    expect(decoded[0]?.scope).toBe(decoded[1]?.scope);
  });

  it.each<[string, Partial<OtlpSpan>]>([
    ["an id that is too short", { traceId: "01" }],
    ["an id in upper case", { spanId: "ABCDEF0102030405" }],
    ["a time beyond 64 bits", { startTimeUnixNano: 2n ** 64n }],
    ["an integer beyond 64 bits", { attributes: new Map([["k", 2n ** 63n]]) }],
  ])("refuses %s", (_, wrong) => {
    const [spans] = fc.sample(
      spanGroups.filter((spans) => spans.length > 0),
      { numRuns: 1, seed: 1 },
    );
    const span = { ...spans![0]!, ...wrong };
    for (const encoding of ["protobuf", "json"] as const) {
      expect(() => encodeTraceRequest([span], encoding)).toThrow(RangeError);
    }
  });
});
