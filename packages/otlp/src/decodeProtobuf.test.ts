import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lengthDelimited, messageBytes, varint, varintField } from "../test/fixtures/arbitraries.js";
import { decodeByReference } from "../test/fixtures/reference.js";
import { decodeProtobuf } from "./decodeProtobuf.js";
import { DecodeReport } from "./decodeReport.js";
import { runSteps } from "./decodeTurns.js";
import { type AttributeValue, decodeTraceRequest, OtlpDecodeError, type SpanEncoder } from "./index.js";

const TRACE_ID = Buffer.from("0102030405060708090a0b0c0d0e0f10", "hex");
const SPAN_ID = Buffer.from("0102030405060708", "hex");
const IDS = [lengthDelimited(1, TRACE_ID), lengthDelimited(2, SPAN_ID)];
const limits = { maxItems: 1_000_000, repeats: { limit: 1e9, free: 1e9 } };

/** A request with one span of these raw fields. */
function request(...fields: readonly Uint8Array[]): Buffer {
  return lengthDelimited(1, lengthDelimited(2, lengthDelimited(2, Buffer.concat(fields))));
}

function attribute(value: Uint8Array): Buffer {
  return lengthDelimited(9, Buffer.concat([lengthDelimited(1, Buffer.from("k")), lengthDelimited(2, value)]));
}

function decodedValue(...values: readonly Uint8Array[]): AttributeValue | undefined {
  const keyValue = Buffer.concat([
    lengthDelimited(1, Buffer.from("k")),
    ...values.map((v) => lengthDelimited(2, v)),
  ]);
  return decodeTraceRequest(
    request(...IDS, lengthDelimited(9, keyValue)),
    "protobuf",
  ).spans[0]?.attributes.get("k");
}

function nested(levels: number): Buffer {
  let value = lengthDelimited(1, Buffer.from("deep"));
  for (let i = 0; i < levels; i++) value = lengthDelimited(5, lengthDelimited(1, value));
  return value;
}

function errorOf(bytes: Uint8Array): OtlpDecodeError {
  try {
    decodeTraceRequest(bytes, "protobuf");
  } catch (error) {
    if (error instanceof OtlpDecodeError) return error;
    throw error;
  }
  throw new Error("It was accepted.");
}

function attempt<T>(decode: () => T): T | "refused" {
  try {
    return decode();
  } catch {
    return "refused";
  }
}

function ours(bytes: Uint8Array) {
  const { spans, rejectedCount } = decodeTraceRequest(bytes, "protobuf");
  return { spans, rejectedCount };
}

/** Leaves all spans to be decoded. */
const idleEncoder: SpanEncoder<never> = {
  startGroup: () => true,
  addEncoded: () => -1,
  addEncodedJson: () => -1,
  addSpan: () => {},
  finish: () => undefined,
};

describe("reading protobuf", () => {
  it("gives what protobufjs gives for anything the wire format allows", () => {
    let spans = 0;
    const goodSpan = messageBytes("Span", 2).map((bytes) =>
      lengthDelimited(1, lengthDelimited(2, lengthDelimited(2, Buffer.concat([bytes, ...IDS])))),
    );
    fc.assert(
      fc.property(messageBytes("ExportTraceServiceRequest"), goodSpan, (bytes, span) => {
        const all = Buffer.concat([bytes, span]);
        const expected = decodeByReference(all);
        spans += expected.spans.length;
        expect(ours(all)).toStrictEqual(expected);
      }),
      { numRuns: 1500 },
    );
    expect(spans).toBeGreaterThan(500);
  });

  it("refuses and accepts mutated bytes exactly where protobufjs does, with the same meaning", () => {
    const outcomes = { refused: 0, accepted: 0 };
    fc.assert(
      fc.property(
        messageBytes("ExportTraceServiceRequest"),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 }),
        (original, edits) => {
          const bytes = Buffer.concat([original, request(...IDS, attribute(nested(2)))]);
          for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
          const expected = attempt(() => decodeByReference(bytes));
          outcomes[expected === "refused" ? "refused" : "accepted"]++;
          expect(attempt(() => ours(bytes))).toStrictEqual(expected);
        },
      ),
      { numRuns: 2000 },
    );
    expect(Math.min(outcomes.refused, outcomes.accepted)).toBeGreaterThan(100);
  });

  it.each([
    ["takes", 10],
    ["refuses", 11],
  ] as const)(
    "%s a varint of %i bytes in a field that it does not know, and so does the oracle",
    (_, length) => {
      const long = Buffer.concat([Buffer.alloc(length - 1, 0x80), Buffer.from([0])]);
      for (const unknown of [
        Buffer.concat([Buffer.from([0x78]), long]),
        Buffer.concat([Buffer.from([0x0b, 0x78]), long, Buffer.from([0x0c])]),
      ]) {
        const bytes = request(...IDS, unknown);
        const expected = length === 10 ? expect.objectContaining({ rejectedCount: 0 }) : "refused";
        expect(attempt(() => decodeByReference(bytes))).toEqual(expected);
        expect(attempt(() => ours(bytes))).toEqual(expected);
      }
    },
  );

  it("reads a large message as it reads a small one", () => {
    const read = (bytes: Uint8Array, largeBytes?: number) => {
      const report = new DecodeReport(100);
      const spans = attempt(() => runSteps(decodeProtobuf(bytes, limits, report, undefined, largeBytes)));
      return spans === "refused" ? spans : { spans, rejected: report.rejected, warnings: report.warnings };
    };
    let spans = 0;
    const goodSpan = messageBytes("Span", 2).map((bytes) => request(bytes, ...IDS));
    fc.assert(
      fc.property(
        messageBytes("ExportTraceServiceRequest"),
        goodSpan,
        fc.nat(40),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 1 }),
        (bytes, span, largeBytes, edits) => {
          const all = Buffer.concat([bytes, span]);
          for (const [at, byte] of edits) all[at % all.length] = byte;
          const small = read(all);
          if (small !== "refused") spans += small.spans.length;
          expect(read(all, largeBytes)).toStrictEqual(small);
        },
      ),
      { numRuns: 1_000 },
    );
    expect(spans).toBeGreaterThan(200);
  });

  const many = (...bytes: readonly number[]) => Buffer.alloc(bytes.length * 100_000, Buffer.from(bytes));

  it.each<[string, Buffer]>([
    ["attributes", request(...IDS, many(0x4a, 0))],
    ["events", request(...IDS, many(0x5a, 0))],
    ["links", request(...IDS, many(0x6a, 0))],
    ["list members", request(...IDS, attribute(lengthDelimited(5, many(0x0a, 0))))],
    ["map members", request(...IDS, attribute(lengthDelimited(6, many(0x0a, 0))))],
    ["lists in a list", request(...IDS, attribute(lengthDelimited(5, many(0x0a, 2, 0x2a, 0))))],
    ["attributes of an event", request(...IDS, lengthDelimited(11, many(0x1a, 0)))],
    ["attributes of a link", request(...IDS, lengthDelimited(13, many(0x22, 0)))],
    ["unknown fields of a span", request(...IDS, many(0xf8, 1, 0))],
    ["unknown fields of a status", request(...IDS, lengthDelimited(15, many(0x78, 0)))],
    ["unknown fields of an attribute", request(...IDS, attribute(many(0x78, 0)))],
    ["fields in a group of a span", request(...IDS, Buffer.of(0x7b), many(8, 0), Buffer.of(0x7c))],
    ["unknown fields of a request", Buffer.concat([request(...IDS), many(8, 0)])],
    [
      "fields in a group of a request",
      Buffer.concat([request(...IDS), Buffer.of(0x0b), many(8, 0), Buffer.of(0x0c)]),
    ],
    [
      "fields of a resource",
      Buffer.concat([request(...IDS), lengthDelimited(1, lengthDelimited(1, many(0x0a, 0)))]),
    ],
    [
      "fields of a scope",
      Buffer.concat([
        request(...IDS),
        lengthDelimited(1, lengthDelimited(2, lengthDelimited(1, many(0x1a, 0)))),
      ]),
    ],
  ])("reads many %s in steps", (_, bytes) => {
    for (const encoder of [undefined, idleEncoder]) {
      const steps = decodeProtobuf(bytes, limits, new DecodeReport(1), encoder);
      let count = 1;
      for (; steps.next().done !== true; count++);
      expect(count).toBeGreaterThan(2);
    }
  });

  it("throws nothing but its own error, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom("protobuf", "json"),
        (bytes, encoding) => {
          try {
            decodeTraceRequest(bytes, encoding);
          } catch (error) {
            expect(error).toBeInstanceOf(OtlpDecodeError);
          }
        },
      ),
      { numRuns: 5000 },
    );
  });

  it("refuses every proper prefix that cuts a field, and says where", () => {
    const bytes = request(...IDS, attribute(nested(3)));
    for (let length = 1; length < bytes.length; length++) {
      const error = errorOf(bytes.subarray(0, length));
      expect(error.code).toBe("truncated");
      expect(error.byteOffset).toBeLessThanOrEqual(length);
      expect(error.message).toContain(`at byte ${error.byteOffset}`);
    }
  });

  it("fills the resource and the scope of spans that came before them", () => {
    const resource = lengthDelimited(
      1,
      lengthDelimited(
        1,
        Buffer.concat([lengthDelimited(1, Buffer.from("k")), lengthDelimited(2, varintField(3, 7n))]),
      ),
    );
    const span = lengthDelimited(2, Buffer.concat(IDS));
    const scopeSpans = Buffer.concat([span, lengthDelimited(1, lengthDelimited(1, Buffer.from("late")))]);
    const bytes = lengthDelimited(1, Buffer.concat([lengthDelimited(2, scopeSpans), resource]));
    const [decoded] = decodeTraceRequest(bytes, "protobuf").spans;
    expect(decoded?.resource.attributes).toEqual(new Map([["k", 7n]]));
    expect(decoded?.scope.name).toBe("late");
  });

  it("merges a singular message that comes twice, and lets the last of a oneof win", () => {
    const array = (n: bigint) => lengthDelimited(5, lengthDelimited(1, varintField(3, n)));
    const string = lengthDelimited(1, Buffer.from("s"));
    expect(decodedValue(array(1n), array(2n))).toEqual([1n, 2n]);
    expect(decodedValue(array(1n), string)).toBe("s");
    expect(decodedValue(array(1n), string, array(2n))).toEqual([2n]);
    expect(decodedValue(Buffer.concat([string, array(1n), array(2n)]))).toEqual([1n, 2n]);
  });

  it("keeps a repeated key at its first position with its last value", () => {
    const entry = (key: string, n: bigint) =>
      lengthDelimited(
        9,
        Buffer.concat([lengthDelimited(1, Buffer.from(key)), lengthDelimited(2, varintField(3, n))]),
      );
    const bytes = request(...IDS, entry("__proto__", 1n), entry("", 2n), entry("__proto__", 3n));
    expect([...decodeTraceRequest(bytes, "protobuf").spans[0]!.attributes]).toEqual([
      ["__proto__", 3n],
      ["", 2n],
    ]);
  });

  it("takes 100 levels of values and rejects only the span that has 101", () => {
    const good = lengthDelimited(2, Buffer.concat([...IDS, attribute(nested(100))]));
    const name = lengthDelimited(5, Buffer.from("too deep"));
    const bad = lengthDelimited(2, Buffer.concat([attribute(nested(101)), ...IDS, name]));
    const bytes = lengthDelimited(1, lengthDelimited(2, Buffer.concat([good, bad, good])));
    const decoded = decodeTraceRequest(bytes, "protobuf");
    expect(decoded.spans).toHaveLength(2);
    expect(decoded.rejected).toEqual([
      {
        path: "resourceSpans[0].scopeSpans[0].spans[1]",
        name: "too deep",
        traceId: TRACE_ID.toString("hex"),
        spanId: SPAN_ID.toString("hex"),
        reason: "an attribute nests values deeper than 100 levels",
      },
    ]);
    const resource = lengthDelimited(1, lengthDelimited(1, lengthDelimited(2, nested(101))));
    expect(errorOf(lengthDelimited(1, resource)).code).toBe("too_deep");
  });

  it.each<[string, Uint8Array, string]>([
    ["field number 0", Buffer.from([0x02, 0x00]), "invalid_tag"],
    ["a tag of six bytes", Buffer.from([0x8a, 0x80, 0x80, 0x80, 0x80, 0x00]), "invalid_tag"],
    ["wire type 7", Buffer.from([0x0f]), "invalid_wire_type"],
    [
      "a varint of eleven bytes",
      Buffer.concat([varint(800n), Buffer.alloc(10, 0x80), Buffer.of(1)]),
      "invalid_varint",
    ],
    ["a length of 2^31", Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x08]), "invalid_varint"],
    ["a length of 2^31 - 1", Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07]), "truncated"],
    ["a group that only ends", Buffer.from([0x0c]), "invalid_group"],
    ["a group that never ends", Buffer.from([0x0b]), "invalid_group"],
    ["groups 200 deep", Buffer.concat([Buffer.alloc(200, 0x0b), Buffer.alloc(200, 0x0c)]), "invalid_group"],
    ["a million groups", Buffer.alloc(1_000_000, 0x0b), "invalid_group"],
    ["a group closed by another's end", Buffer.from([0x0b, 0x14]), "invalid_group"],
  ])("refuses %s", (_, bytes, code) => {
    expect(errorOf(bytes).code).toBe(code);
  });

  it("replaces invalid UTF-8 by U+FFFD", () => {
    expect(decodedValue(lengthDelimited(1, Buffer.from([0x61, 0xff, 0x62])))).toBe("a\ufffdb");
  });

  it("keeps no view of the request in bytes values", () => {
    const bytes = request(...IDS, attribute(lengthDelimited(7, Buffer.from([1, 2, 3]))));
    const [span] = decodeTraceRequest(bytes, "protobuf").spans;
    bytes.fill(0);
    expect(span?.attributes.get("k")).toStrictEqual(new Uint8Array([1, 2, 3]));
  });

  it("stops at the item limit, so that two-byte events cannot buy memory", () => {
    const events = Buffer.alloc(2_000, Buffer.from([0x5a, 0x00]));
    const bytes = request(...IDS, events);
    expect(decodeTraceRequest(bytes, "protobuf").spans[0]?.events).toHaveLength(1_000);
    expect(() => decodeTraceRequest(bytes, "protobuf", { maxItems: 1_000 })).toThrow(/more than 1000 spans/);
  });

  it("counts every rejected span but describes only the first", () => {
    const spans = Buffer.alloc(2_000, Buffer.from([0x12, 0x00]));
    const decoded = decodeTraceRequest(lengthDelimited(1, lengthDelimited(2, spans)), "protobuf", {
      maxDescribed: 3,
    });
    expect(decoded.rejectedCount).toBe(1_000);
    expect(decoded.rejected.map(({ path, reason }) => [path, reason])).toEqual([
      ["resourceSpans[0].scopeSpans[0].spans[0]", "traceId is missing"],
      ["resourceSpans[0].scopeSpans[0].spans[1]", "traceId is missing"],
      ["resourceSpans[0].scopeSpans[0].spans[2]", "traceId is missing"],
    ]);
  });
});
