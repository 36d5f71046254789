import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { type AttributeValue, encodeTraceRequest } from "@es/otlp";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Standalone, startStandalone } from "./apps.js";
import { makeSpan, sendSpans } from "./otlpClient.js";
import { killLeftovers, temporaryFolder } from "./processes.js";
import { completeProjection } from "./readApi.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let standalone: Standalone;
beforeAll(async () => {
  folder = await temporaryFolder();
  standalone = await startStandalone(folder.path);
});
afterAll(async () => {
  await standalone.process.stop();
  await killLeftovers();
  await folder.remove();
});
/** Whatever was sent: the process lives and takes the next span. */
afterEach(async () => {
  const span = makeSpan();
  expect(await sendSpans(standalone.ingestUrl, [span])).toBe(200);
  await completeProjection(standalone.consoleUrl, span.traceId, 1);
});

const JSON_TYPE = "application/json";
const PROTOBUF_TYPE = "application/x-protobuf";

interface Post {
  readonly type?: string | undefined;
  readonly encoding?: string;
  readonly method?: string;
  readonly path?: string;
}

async function post(
  body: Uint8Array | string,
  { type, encoding, method = "POST", path = "/v1/traces" }: Post = {},
) {
  const response = await fetch(`${standalone.ingestUrl}${path}`, {
    method,
    headers: {
      ...(type === undefined ? {} : { "content-type": type }),
      ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    },
    ...(method === "GET" ? {} : { body: typeof body === "string" ? body : Uint8Array.from(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    headers: response.headers,
    bytes,
  };
}

/** The message of a `google.rpc.Status`, as JSON or as protobuf field 2. */
function statusMessage({ type, bytes }: { type: string | null; bytes: Buffer }): string {
  if (type?.startsWith(JSON_TYPE))
    return String((JSON.parse(bytes.toString("utf8")) as { message: unknown }).message);
  const start = bytes.indexOf(0x12);
  return start === -1 ? "" : bytes.toString("utf8", start + 2);
}

const goodJson = (spans: unknown[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
const jsonSpan = (fields: Record<string, unknown> = {}) => ({
  traceId: randomBytes(16).toString("hex"),
  spanId: randomBytes(8).toString("hex"),
  name: "span",
  kind: 1,
  startTimeUnixNano: "1700000000000000000",
  endTimeUnixNano: "1700000000100000000",
  ...fields,
});

describe("requests that cannot be read", () => {
  const span = makeSpan({ name: "x".repeat(1_000) });
  const protobuf = encodeTraceRequest([span], "protobuf");
  const gzip = gzipSync(protobuf);

  it.each<[string, Uint8Array | string, Post, number]>([
    ["malformed protobuf", Buffer.from("this is no protobuf"), { type: PROTOBUF_TYPE }, 400],
    ["cut protobuf", protobuf.subarray(0, protobuf.length - 7), { type: PROTOBUF_TYPE }, 400],
    ["malformed JSON", '{"resourceSpans": [', { type: JSON_TYPE }, 400],
    ["JSON of the wrong shape", '{"resourceSpans": 7}', { type: JSON_TYPE }, 400],
    ["an empty JSON body", "", { type: JSON_TYPE }, 400],
    ["truncated gzip", gzip.subarray(0, gzip.length - 10), { type: PROTOBUF_TYPE, encoding: "gzip" }, 400],
    ["gzip that is none", protobuf, { type: PROTOBUF_TYPE, encoding: "gzip" }, 400],
    ["a content type it does not speak", "spans", { type: "text/plain" }, 415],
    ["an encoding it does not speak", protobuf, { type: PROTOBUF_TYPE, encoding: "br" }, 415],
    ["another path", protobuf, { type: PROTOBUF_TYPE, path: "/v1/metrics" }, 404],
    ["another method", "", { method: "PUT" }, 405],
  ])("are refused with the status the specification gives: %s", async (_, body, options, status) => {
    const answer = await post(body, options);
    expect(answer.status).toBe(status);
    expect(statusMessage(answer)).toMatch(/\w+ \w+/);
    expect(answer.headers.get("retry-after")).toBeNull();
    const expectedType = options.type === PROTOBUF_TYPE ? PROTOBUF_TYPE : JSON_TYPE;
    expect(answer.type).toContain(expectedType);
  });

  it("say what the method should be", async () => {
    expect((await post("", { method: "DELETE" })).headers.get("allow")).toBe("POST");
  });
});

describe("requests that are too large", () => {
  it("are refused: 65 MB", { timeout: 60_000 }, async () => {
    const answer = await post(Buffer.alloc(65_000_000), { type: PROTOBUF_TYPE });
    expect(answer.status).toBe(413);
    expect(statusMessage(answer)).toMatch(/64000000|64 000 000|64,000,000/);
  });

  it("are refused before they are inflated: a gzip bomb", { timeout: 60_000 }, async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000_000), { level: 9 });
    expect(bomb.length).toBeLessThan(2_000_000);
    const answer = await post(bomb, { type: JSON_TYPE, encoding: "gzip" });
    expect(answer.status).toBe(413);
  });
});

describe("requests without spans", () => {
  it.each([
    ["an empty protobuf message", new Uint8Array(0), PROTOBUF_TYPE],
    ["no resources", "{}", JSON_TYPE],
    ["a resource without spans", '{"resourceSpans":[{"scopeSpans":[]}]}', JSON_TYPE],
  ])("are fine: %s", async (_, body, type) => {
    const answer = await post(body, { type });
    expect(answer.status).toBe(200);
    expect(answer.bytes.toString("utf8")).toBe(type === JSON_TYPE ? "{}" : "");
  });
});

describe("compressions", () => {
  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["deflate", deflateRawSync],
  ])("%s is read", async (encoding, compress) => {
    const span = makeSpan();
    const body = compress(encodeTraceRequest([span], "protobuf"));
    expect((await post(body, { type: PROTOBUF_TYPE, encoding })).status).toBe(200);
    await completeProjection(standalone.consoleUrl, span.traceId, 1);
  });
});

describe("bad spans among good ones", () => {
  const bad: [string, Record<string, unknown>][] = [
    ["a trace id that is too short", { traceId: "abcd" }],
    ["a trace id of zeros", { traceId: "0".repeat(32) }],
    ["a trace id that is no hex", { traceId: "z".repeat(32) }],
    ["no trace id", { traceId: undefined }],
    ["a span id that is too long", { spanId: "a".repeat(18) }],
    ["a span id of zeros", { spanId: "0".repeat(16) }],
    ["a parent id that is too short", { parentSpanId: "ab" }],
  ];

  it.each(bad)("are rejected with a reason, and the good are stored: %s", async (_, fields) => {
    const good = jsonSpan();
    const answer = await post(goodJson([jsonSpan(fields), good]), { type: JSON_TYPE });
    expect(answer.status).toBe(200);
    const { partialSuccess } = JSON.parse(answer.bytes.toString("utf8")) as {
      partialSuccess: { rejectedSpans: string; errorMessage: string };
    };
    expect(Number(partialSuccess.rejectedSpans)).toBe(1);
    expect(partialSuccess.errorMessage).toMatch(/id/i);
    await completeProjection(standalone.consoleUrl, good.traceId, 1);
  });
});

describe("odd values", () => {
  const deep = (depth: number): AttributeValue => (depth === 0 ? "end" : [deep(depth - 1)]);
  const odd: [string, AttributeValue][] = [
    ["the largest integer", 9_223_372_036_854_775_807n],
    ["the smallest integer", -9_223_372_036_854_775_808n],
    ["zero", 0n],
    ["negative zero", -0],
    ["not a number", Number.NaN],
    ["infinity", Number.POSITIVE_INFINITY],
    ["the smallest double", Number.MIN_VALUE],
    ["false", false],
    ["the empty string", ""],
    ["NUL and controls", "\u0000\u0001\u001f\u007f"],
    ["quotes and backslashes", `'"\\\`${"$"}{x}'); DROP TABLE spans; --`],
    ["emoji and right-to-left", "🦊 \u202eabc"],
    ["bytes", new Uint8Array([0, 255, 128])],
    ["an empty array", []],
    ["a mixed array", ["a", 1n, 1.5, null, [true]]],
    ["an empty map", new Map()],
    [
      "a map with odd keys",
      new Map<string, AttributeValue>([
        ["", ""],
        ["__proto__", 1n],
        ["constructor", null],
      ]),
    ],
    ["nothing", null],
    ["fifty levels", deep(50)],
    ["a megabyte", "x".repeat(1_000_000)],
  ];

  it.each(["protobuf", "json"] as const)("are stored, in %s", async (encoding) => {
    const root = makeSpan({ name: "" });
    const spans = odd.map(([name, value]) =>
      makeSpan({
        traceId: root.traceId,
        parentSpanId: root.spanId,
        name,
        attributes: new Map([
          ["odd", value],
          ["gen_ai.usage.input_tokens", value],
          ["input.value", value],
        ]),
        events: [
          { timeUnixNano: 0n, name: "", attributes: new Map([["odd", value]]), droppedAttributesCount: 0 },
        ],
      }),
    );
    const answer = await post(encodeTraceRequest([root, ...spans], encoding), {
      type: encoding === "json" ? JSON_TYPE : PROTOBUF_TYPE,
    });
    expect(answer.status).toBe(200);
    expect(answer.bytes.toString("utf8")).toBe(encoding === "json" ? "{}" : "");
    const projection = await completeProjection(standalone.consoleUrl, root.traceId, spans.length + 1);
    expect(projection.spanCount).toBe(spans.length + 1);
  });

  it.each<[string, { startTimeUnixNano: bigint; endTimeUnixNano: bigint }]>([
    ["zero", { startTimeUnixNano: 0n, endTimeUnixNano: 0n }],
    ["the end before the start", { startTimeUnixNano: 2_000n, endTimeUnixNano: 1_000n }],
    ["the largest there is", { startTimeUnixNano: 2n ** 64n - 1n, endTimeUnixNano: 2n ** 64n - 1n }],
  ])("are kept as times: %s", async (_, times) => {
    const span = makeSpan(times);
    expect(await sendSpans(standalone.ingestUrl, [span])).toBe(200);
    await completeProjection(standalone.consoleUrl, span.traceId, 1);
    const response = await fetch(`${standalone.consoleUrl}/api/traces/${span.traceId}/spans`);
    const { spans } = (await response.json()) as { spans: Record<string, string>[] };
    expect(spans[0]).toMatchObject({
      startTimeUnixNano: String(times.startTimeUnixNano),
      endTimeUnixNano: String(times.endTimeUnixNano),
    });
  });
});

describe("connections", () => {
  it("may break in the middle of a body", async () => {
    const { hostname, port } = new URL(standalone.ingestUrl);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    socket.write(
      `POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${JSON_TYPE}\r\ncontent-length: 1000\r\n\r\n{"reso`,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    expect((await fetch(`${standalone.ingestUrl}/healthz`)).status).toBe(200);
  });
});
