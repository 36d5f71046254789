import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeCorpus } from "../fuzz/corpus.js";
import { mutateJson } from "../fuzz/mutate.js";
import { Random } from "../fuzz/random.js";
import { lengthDelimited, messageBytes } from "../test/fixtures/arbitraries.js";
import { TraceRequest } from "../test/fixtures/reference.js";
import { decodeJson } from "./decodeJson.js";
import { DecodeReport } from "./decodeReport.js";
import { runSteps } from "./decodeTurns.js";
import {
  type AttributeValue,
  type DecodedTraceRequest,
  decodeTraceRequest,
  OtlpDecodeError,
} from "./index.js";

const TRACE_ID = "0102030405060708090a0b0c0d0e0f10";
const SPAN_ID = "0102030405060708";
const limits = { maxItems: 1_000_000, repeats: { limit: 1e9, free: 1e9 } };

function decode(text: string | object): DecodedTraceRequest {
  return decodeTraceRequest(Buffer.from(typeof text === "string" ? text : JSON.stringify(text)), "json");
}

/** A request with one span of these fields, as JSON text. */
function request(fields: string): string {
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${TRACE_ID}","spanId":"${SPAN_ID}"${fields}}]}]}]}`;
}

function decodedValue(value: string): AttributeValue | undefined {
  const decoded = decode(request(`,"attributes":[{"key":"k","value":${value}}]`));
  if (decoded.rejectedCount > 0) throw new Error(decoded.rejected[0]?.reason);
  return decoded.spans[0]?.attributes.get("k");
}

function reasonOf(fields: string): string | undefined {
  const decoded = decode(request(fields));
  expect(decoded.spans).toHaveLength(0);
  return decoded.rejected[0]?.reason;
}

function errorOf(text: string): OtlpDecodeError {
  try {
    decode(text);
  } catch (error) {
    if (error instanceof OtlpDecodeError) return error;
    throw error;
  }
  throw new Error("It was accepted.");
}

/** protobufjs's own JSON, with OTLP's exception: ids in hex. */
function otlpJson(bytes: Uint8Array): unknown {
  const plain = TraceRequest.toObject(TraceRequest.decode(bytes), {
    longs: String,
    bytes: Buffer,
    json: true,
  });
  return JSON.parse(
    JSON.stringify(plain, (name, value) => {
      if (value?.type !== "Buffer") return value;
      return Buffer.from(value.data).toString(/Id$/.test(name) ? "hex" : "base64");
    }),
  );
}

describe("reading JSON", () => {
  it("gives the same spans as protobuf for the same message", () => {
    let spans = 0;
    const ids = [
      lengthDelimited(1, Buffer.from(TRACE_ID, "hex")),
      lengthDelimited(2, Buffer.from(SPAN_ID, "hex")),
    ];
    fc.assert(
      fc.property(messageBytes("ExportTraceServiceRequest"), messageBytes("Span", 2), (request, fields) => {
        const span = lengthDelimited(2, Buffer.concat([fields, ...ids]));
        const bytes = Buffer.concat([request, lengthDelimited(1, lengthDelimited(2, span))]);
        const fromProtobuf = decodeTraceRequest(bytes, "protobuf");
        expect(decode(otlpJson(bytes) as object)).toStrictEqual(fromProtobuf);
        spans += fromProtobuf.spans.length;
      }),
      { numRuns: 1000 },
    );
    expect(spans).toBeGreaterThan(100);
  });

  it.each<[string, AttributeValue]>([
    [`{"intValue":"9223372036854775807"}`, 2n ** 63n - 1n],
    [`{"intValue":9223372036854775807}`, 2n ** 63n - 1n],
    [`{"intValue":-9223372036854775808}`, -(2n ** 63n)],
    [`{"intValue": 9007199254740993 }`, 2n ** 53n + 1n],
    [`{"intValue":1e3}`, 1000n],
    [`{"intValue":5.0}`, 5n],
    [`{"intValue":"5e1"}`, 50n],
    [`{"intValue":9.007199254740993e15}`, 2n ** 53n + 1n],
    [`{"intValue":90071992547409.93e2}`, 2n ** 53n + 1n],
    [`{"int_value":0}`, 0n],
    [`{"doubleValue":0.1}`, 0.1],
    [`{"doubleValue":-0.0}`, -0],
    [`{"doubleValue":"-0"}`, -0],
    [`{"doubleValue":12345678901234567890}`, 12345678901234567e3],
    [`{"doubleValue":"NaN"}`, Number.NaN],
    [`{"doubleValue":"Infinity"}`, Number.POSITIVE_INFINITY],
    [`{"doubleValue":"-Infinity"}`, Number.NEGATIVE_INFINITY],
    [`{"doubleValue":"1.5"}`, 1.5],
    [`{"stringValue":""}`, ""],
    [`{"stringValue":":12345678901234567890,"}`, ":12345678901234567890,"],
    [`{"stringValue":"\\":12345678901234567890"}`, '":12345678901234567890'],
    [`{"stringValue":"\\ud800!"}`, "\ufffd!"],
    [`{"stringValue":"\\ud83c\\udf89"}`, "🎉"],
    [`{"boolValue":false}`, false],
    [`{"bytesValue":"+/8="}`, new Uint8Array([0xfb, 0xff])],
    [`{"bytesValue":"-_8"}`, new Uint8Array([0xfb, 0xff])],
    [`{"bytesValue":""}`, new Uint8Array()],
    [`{"arrayValue":{}}`, []],
    [
      `{"arrayValue":{"values":[{"intValue":1},{},null,{"array_value":{"values":[]}}]}}`,
      [1n, null, null, []],
    ],
    [`{"kvlistValue":{"values":[{"key":"__proto__","value":{"intValue":1}}]}}`, new Map([["__proto__", 1n]])],
    [`{"kvlistValue":{}}`, new Map()],
    ["{}", null],
    ["null", null],
    [`{"stringValue":null}`, null],
    [`{"futureValue":[1]}`, null],
  ])("reads %s", (json, expected) => {
    expect(decodedValue(json)).toStrictEqual(expected);
    // The same, when another number makes the request take the exact path.
    const beside = decode(
      request(`,"attributes":[{"key":"k","value":${json}}],"unknown":1234567890123456789`),
    );
    expect(beside.spans[0]?.attributes.get("k")).toStrictEqual(expected);
  });

  it("reads names of the .proto file, upper-case ids, enum names and unquoted times", () => {
    const text = `\ufeff{"resource_spans":[{"schema_url":"r","scope_spans":[{"spans":[{
      "trace_id":"${TRACE_ID.toUpperCase()}","span_id":"${SPAN_ID.toUpperCase()}","parent_span_id":"0000000000000000",
      "trace_state":"a=b","kind":"SPAN_KIND_CLIENT","start_time_unix_nano":18446744073709551615,
      "end_time_unix_nano":"1","dropped_links_count":4294967295,"status":{"code":"STATUS_CODE_ERROR"},"future":{"a":[]}
    }]}]}]}`;
    expect(decode(text).spans[0]).toMatchObject({
      traceId: TRACE_ID,
      spanId: SPAN_ID,
      parentSpanId: "",
      traceState: "a=b",
      kind: 3,
      startTimeUnixNano: 2n ** 64n - 1n,
      endTimeUnixNano: 1n,
      droppedLinksCount: 0xffffffff,
      status: { code: 2, message: "" },
      resource: { schemaUrl: "r" },
    });
  });

  it.each<[string, string]>([
    [`,"startTimeUnixNano":"soon"`, 'startTimeUnixNano must be an integer, as number or string, not "soon"'],
    [`,"startTimeUnixNano":-1`, "startTimeUnixNano is -1, not in 0 to 18446744073709551615"],
    [`,"endTimeUnixNano":18446744073709551616`, "endTimeUnixNano is 18446744073709551616, not in 0 to"],
    [`,"endTimeUnixNano":1.5`, "endTimeUnixNano must be an integer"],
    [`,"name":5`, "name must be a string, not 5"],
    [`,"name":12345678901234567890`, "name must be a string, not an object"],
    [`,"kind":"CLIENT"`, "kind must be an integer or one of SPAN_KIND_UNSPECIFIED"],
    [`,"flags":4294967296`, "flags is 4294967296, not in 0 to 4294967295"],
    [`,"attributes":{}`, "attributes must be an array, not an object"],
    [`,"attributes":[{"key":"k","value":{"intValue":"x"}}]`, 'attribute "k": intValue must be an integer'],
    [
      `,"attributes":[{"key":"k","value":{"boolValue":"true"}}]`,
      'attribute "k": boolValue must be true or false',
    ],
    [`,"attributes":[{"key":"k","value":{"bytesValue":"*"}}]`, 'attribute "k": bytesValue is not base64'],
    [`,"attributes":[{"key":"k","value":{"doubleValue":1e400}}]`, "beyond the range of a double"],
    [`,"attributes":[{"key":"k","value":{"doubleValue":"0x1"}}]`, "doubleValue must be a number"],
    [`,"attributes":[{"key":"k","value":{"intValue":1,"stringValue":""}}]`, "more than one of"],
    [`,"parentSpanId":"01"`, "parentSpanId has 1 bytes, must have 8"],
    [`,"parentSpanId":"xyz"`, 'parentSpanId must be hex digits, two per byte, not "xyz"'],
  ])("rejects only the span with %s", (fields, reason) => {
    expect(reasonOf(fields)).toContain(reason);
  });

  it("names a rejected span and keeps its neighbours", () => {
    const good = { traceId: TRACE_ID, spanId: SPAN_ID };
    const spans = [good, { traceId: "00", spanId: SPAN_ID, name: "short id" }, good, null];
    const decoded = decode({ resourceSpans: [{}, { scopeSpans: [{ spans }] }] });
    expect(decoded.spans).toHaveLength(2);
    expect(decoded.rejected).toEqual([
      {
        path: "resourceSpans[1].scopeSpans[0].spans[1]",
        name: "short id",
        traceId: "00",
        spanId: SPAN_ID,
        reason: "traceId has 1 bytes, must have 16",
      },
      expect.objectContaining({ path: "resourceSpans[1].scopeSpans[0].spans[3]" }),
    ]);
  });

  it("drops a link with wrong ids, counts it, warns, and keeps links without a context", () => {
    const links = `,"links":[{"traceId":"01","spanId":"${SPAN_ID}"},{},{"traceId":"${TRACE_ID}","spanId":"${SPAN_ID}"}]`;
    const decoded = decode(request(`${links},"droppedLinksCount":2`));
    expect(decoded.spans[0]?.links.map((link) => link.traceId)).toEqual(["0".repeat(32), TRACE_ID]);
    expect(decoded.spans[0]?.droppedLinksCount).toBe(3);
    expect(decoded.warnings).toEqual([
      {
        path: "resourceSpans[0].scopeSpans[0].spans[0]",
        reason: "a link was dropped: its traceId has 1 bytes, must have 16",
      },
    ]);
  });

  it.each<[string, string, string]>([
    ["", "invalid_json", "the body is empty"],
    ["{", "invalid_json", "Malformed OTLP JSON"],
    [`{"a":12345678901234567890.}`, "invalid_json", "Malformed OTLP JSON"],
    [`{"a":012345678901234567890}`, "invalid_json", "Malformed OTLP JSON"],
    ["[]", "invalid_value", "the request must be an object, not an array"],
    ["12345678901234567890", "invalid_value", "the request must be an object, not 12345678901234567000"],
    [
      `{"resourceSpans":[{},5]}`,
      "invalid_value",
      "at resourceSpans[1]: resourceSpans must be an object, not 5",
    ],
    [
      `{"resourceSpans":[{"resource":{"attributes":[{"key":1}]}}]}`,
      "invalid_value",
      "at resourceSpans[0]: key must be",
    ],
    ["[".repeat(200_000), "invalid_json", "Malformed OTLP JSON"],
  ])("refuses %.60s", (text, code, message) => {
    const error = errorOf(text);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  it("takes 100 levels of values and rejects only the span that has 101", () => {
    const nested = (levels: number) =>
      `${`{"arrayValue":{"values":[`.repeat(levels)}{"intValue":1}${"]}}".repeat(levels)}`;
    expect(decodedValue(nested(100))).toBeDefined();
    expect(reasonOf(`,"attributes":[{"key":"k","value":${nested(101)}}]`)).toContain(
      "deeper than 100 levels",
    );
    expect(reasonOf(`,"attributes":[{"key":"k","value":${nested(50_000)}}]`)).toContain(
      "deeper than 100 levels",
    );
  });

  it("skips what it does not know without counting it, and counts all that it keeps", () => {
    const unknown = `"unknown":[${"{},".repeat(2_000)}"{{{"]`;
    const beside = Buffer.from(`{${unknown},"resourceSpans":[]}`);
    expect(decodeTraceRequest(beside, "json", { maxItems: 1 }).spans).toEqual([]);
    const inSpan = Buffer.from(request(`,"attributes":[${"{},".repeat(98)}{}],${unknown}`));
    // Of each request: a resource, a scope and a span, which are found first, and what the span becomes.
    expect(decodeTraceRequest(inSpan, "json", { maxItems: 100 }).spans).toHaveLength(1);
    expect(() => decodeTraceRequest(inSpan, "json", { maxItems: 99 })).toThrow(/more than 99 spans/);
  });

  it("reads a large span as it reads a small one", () => {
    const steps = (bytes: Uint8Array, largeBytes?: number) => {
      const report = new DecodeReport(100);
      try {
        const spans = runSteps(decodeJson(bytes, limits, report, undefined, largeBytes));
        return { spans, rejected: report.rejected, warnings: report.warnings };
      } catch (error) {
        if (!(error instanceof OtlpDecodeError)) throw error;
        return { code: error.code };
      }
    };
    // Which of several faults of a span is named first may differ.
    const plain = ({ rejected, ...rest }: ReturnType<typeof steps>) => ({
      ...rest,
      rejected: rejected?.map(({ reason: _, ...named }) => named),
    });
    let spans = 0;
    for (const [place, text] of makeCorpus(20_261_130).json.entries()) {
      const random = new Random(place, 0);
      for (const body of [
        Buffer.from(text),
        mutateJson(text, text, random),
        mutateJson(text, text, random),
      ]) {
        const small = steps(body);
        spans += small.spans?.length ?? 0;
        expect(plain(steps(body, random.below(60)))).toStrictEqual(plain(small));
      }
    }
    expect(spans).toBeGreaterThan(100);
  });

  it.each<[string, string]>([
    ["attributes", `,"attributes":[${Array.from({ length: 60_000 }, (_, i) => `{"key":"${i}"}`)}]`],
    ["events", `,"events":[${Array(60_000).fill("{}")}]`],
    ["links", `,"links":[${Array(60_000).fill("{}")}]`],
    [
      "list members",
      `,"attributes":[{"key":"k","value":{"arrayValue":{"values":[${Array(60_000).fill('{"intValue":1}')}]}}}]`,
    ],
    [
      "map members",
      `,"attributes":[{"key":"k","value":{"kvlistValue":{"values":[${Array(60_000).fill('{"key":"a"}')}]}}}]`,
    ],
    ["unknown members", Array.from({ length: 60_000 }, (_, i) => `,"u${i}":12345678901234567890`).join("")],
  ])("reads a span of many %s in steps", (_, fields) => {
    const steps = decodeJson(Buffer.from(request(fields)), limits, new DecodeReport(1));
    let count = 1;
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) {
        expect(step.value).toHaveLength(1);
        break;
      }
      count++;
    }
    expect(count).toBeGreaterThan(3);
  });

  it("names a large span that it rejects", () => {
    const text = request(`,"attributes":[{"key":5},${Array(20_000).fill("{}")}],"name":"wide"`);
    expect(decode(text).rejected).toMatchObject([
      { name: "wide", traceId: TRACE_ID, spanId: SPAN_ID, reason: "key must be a string, not 5" },
    ]);
    const notObject = `{"resourceSpans":[{"scopeSpans":[{"spans":[[${Array(50_000).fill("1")}]]}]}]}`;
    expect(decode(notObject).rejected).toMatchObject([
      { reason: "the span must be an object, not an array" },
    ]);
  });
});
