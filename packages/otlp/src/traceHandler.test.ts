import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { types } from "../test/fixtures/reference.js";
import { BodyMemory } from "./bodyMemory.js";
import {
  createOtlpTraceHandler,
  encodeTraceRequest,
  type OtlpEncoding,
  OtlpRefusedError,
  type OtlpSpan,
  type OtlpTraceBatch,
  type OtlpTraceHandlerOptions,
  OtlpUnavailableError,
  type SpanEncoder,
} from "./index.js";

const CONTENT_TYPES = { protobuf: "application/x-protobuf", json: "application/json" } as const;

const span: OtlpSpan = {
  traceId: "0102030405060708090a0b0c0d0e0f10",
  spanId: "0102030405060708",
  parentSpanId: "",
  traceState: "",
  flags: 1,
  name: "work",
  kind: 1,
  startTimeUnixNano: 1n,
  endTimeUnixNano: 2n,
  attributes: new Map([["k", 1n]]),
  droppedAttributesCount: 0,
  events: [],
  droppedEventsCount: 0,
  links: [],
  droppedLinksCount: 0,
  status: { code: 0, message: "" },
  resource: { attributes: new Map(), droppedAttributesCount: 0, schemaUrl: "" },
  scope: { name: "", version: "", attributes: new Map(), droppedAttributesCount: 0, schemaUrl: "" },
};
const good = {
  protobuf: encodeTraceRequest([span], "protobuf"),
  json: encodeTraceRequest([span], "json"),
};

const servers: Server[] = [];

/** A field that nobody knows, of this many bytes. */
function padding(length: number): Buffer {
  const size = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14];
  return Buffer.concat([Buffer.from([0x7a, ...size]), Buffer.alloc(length)]);
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve<Context = undefined>(options: Partial<OtlpTraceHandlerOptions<Context>> = {}) {
  const batches: OtlpTraceBatch<Context>[] = [];
  const handler = createOtlpTraceHandler<Context>({
    export: async (batch: OtlpTraceBatch<Context>) => {
      batches.push(batch);
    },
    ...options,
  } as OtlpTraceHandlerOptions<Context>);
  const server = createServer((request, response) => void handler(request, response));
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    port,
    batches,
    spans: () => batches.flatMap((b) => b.spans),
  };
}

async function post(url: string, body: Uint8Array, headers: Record<string, string> = {}) {
  const encoding: OtlpEncoding = headers["content-type"] === CONTENT_TYPES.json ? "json" : "protobuf";
  const response = await fetch(url, {
    method: "POST",
    body,
    headers: { "content-type": CONTENT_TYPES.protobuf, ...headers },
  });
  return { ...(await readReply(response, encoding)), headers: response.headers };
}

async function readReply(response: Response, encoding: OtlpEncoding) {
  expect(response.headers.get("content-type")).toBe(CONTENT_TYPES[encoding]);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const retryable = [429, 502, 503, 504].includes(response.status);
  expect(response.headers.has("retry-after")).toBe(retryable);
  return { status: response.status, bytes, body: decodeBody(bytes, response.status, encoding) };
}

function decodeBody(bytes: Uint8Array, status: number, encoding: OtlpEncoding): Record<string, unknown> {
  if (encoding === "json") return JSON.parse(Buffer.from(bytes).toString());
  const type = types.lookupType(status === 200 ? "ExportTraceServiceResponse" : "RpcStatus");
  return type.toObject(type.decode(bytes), { longs: String });
}

/** Takes spans named "plain" as bytes, others decoded, and none of groups it is told to leave. */
function recordingEncoder(taken: string[], leaves = false): SpanEncoder<readonly string[]> {
  const takePlain = (request: Uint8Array, start: number, end: number): number => {
    if (!Buffer.from(request.subarray(start, end)).includes("plain")) return -1;
    taken.push("bytes");
    return 0;
  };
  return {
    startGroup: () => !leaves,
    addEncoded: takePlain,
    addEncodedJson: takePlain,
    addSpan: ({ name }) => taken.push(name),
    finish: () => (taken.length === 0 ? undefined : taken),
  };
}

describe("a trace endpoint with an encoder", () => {
  const spans = [
    { ...span, name: "plain" },
    { ...span, name: "odd" },
    { ...span, name: "plain" },
  ];

  it.each(["protobuf", "json"] as const)("gives %s spans to it in their order", async (encoding) => {
    const batches: OtlpTraceBatch<undefined, readonly string[]>[] = [];
    const lengths: number[] = [];
    const { url } = await serve({
      createEncoder: (_: undefined, byteLength: number) => {
        lengths.push(byteLength);
        return recordingEncoder([]);
      },
      export: async (batch: (typeof batches)[number]) => {
        batches.push(batch);
      },
    } as never);
    const body = encodeTraceRequest(spans, encoding);
    expect((await post(url, body, { "content-type": CONTENT_TYPES[encoding] })).status).toBe(200);
    expect(lengths).toEqual([body.length]);
    expect(batches).toMatchObject([{ spans: [], encoded: ["bytes", "odd", "bytes"] }]);
  });

  it("gives what it leaves to the export, and refuses what is wrong as without it", async () => {
    const exported: OtlpSpan[] = [];
    const { url } = await serve({
      createEncoder: () => recordingEncoder([], true),
      export: async (batch: OtlpTraceBatch<undefined>) => {
        expect(batch.encoded).toBeUndefined();
        exported.push(...batch.spans);
      },
    } as never);
    expect((await post(url, encodeTraceRequest(spans, "protobuf"))).status).toBe(200);
    expect(exported).toEqual(spans);
    const cut = Buffer.from(good.protobuf).subarray(0, -3);
    const told = await Promise.all([url, (await serve()).url].map(async (at) => post(at, cut)));
    expect(told.map(({ status }) => status)).toEqual([400, 400]);
  });
});

describe("a request whose rows repeat their resource", () => {
  type Where = "resource" | "scope";
  /** Spans of a group that has a value of so many characters. */
  function groupOf(count: number, characters: number, where: Where = "resource"): OtlpSpan[] {
    const attributes = new Map([["large", "x".repeat(characters)]]);
    const group = { [where]: { ...span[where], attributes } };
    return Array.from({ length: count }, () => ({ ...span, name: "plain", ...group }));
  }
  const typed = (encoding: OtlpEncoding) => ({ "content-type": CONTENT_TYPES[encoding] });

  const cases = (["protobuf", "json"] as const).flatMap((encoding) =>
    (["resource", "scope"] as const).flatMap((where) =>
      [true, false].map((encodes) => [where, encoding, encodes] as const),
    ),
  );
  it.each(cases)(
    "beyond the limit is refused for its large %s in %s, encoded: %s",
    async (where, encoding, encodes) => {
      const taken: string[] = [];
      const options = encodes ? { createEncoder: () => recordingEncoder(taken) } : {};
      const server = await serve(options as never);
      const body = encodeTraceRequest(groupOf(2_000, 200_000, where), encoding);
      const { status, body: reply } = await post(server.url, body, typed(encoding));
      expect(status).toBe(413);
      const [large, small] = where === "resource" ? ["2000\\d\\d", "\\d\\d?"] : ["\\d\\d?", "2000\\d\\d"];
      expect(reply.message).toMatch(
        new RegExp(
          `resource of resourceSpans\\[0\\] has ${large} bytes and the scope of its scopeSpans\\[0\\] has ${small}\\.`,
        ),
      );
      expect(reply.message).toContain(`more than ${4 * body.length + 64 * 2 ** 20} bytes`);
      expect(reply.message).toContain("Put large values on one span, or send smaller batches.");
      expect(server.batches).toEqual([]);
      // Refused before there were rows of more bytes.
      expect(taken.length).toBeLessThan(400);
    },
  );

  it.each(["protobuf", "json"] as const)(
    "of a few KB with 10 000 small spans is taken in %s",
    async (encoding) => {
      const { url } = await serve();
      const body = encodeTraceRequest(groupOf(10_000, 4_000), encoding);
      expect((await post(url, body, typed(encoding))).status).toBe(200);
    },
  );

  it("counts what an encoder says a row repeats, and asks again before each large row", async () => {
    let asked = 0;
    const encoder = {
      ...recordingEncoder([]),
      *openGroup() {
        asked++;
        yield;
        return 1_000_000;
      },
    };
    const { url } = await serve({ createEncoder: () => encoder } as never);
    expect((await post(url, encodeTraceRequest(groupOf(60, 1), "protobuf"))).status).toBe(200);
    expect(asked).toBe(60);
    expect((await post(url, encodeTraceRequest(groupOf(70, 1), "json"), typed("json"))).status).toBe(413);
    expect(asked).toBeLessThan(60 + 70);
  });

  it("takes them of the bytes in flight until it is answered", async () => {
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let isFirst = true;
    const { url } = await serve({
      maxBodyBytes: 1_000_000,
      maxInFlightBytes: 20_000_000,
      async export() {
        if (!isFirst) return;
        isFirst = false;
        await held;
      },
    });
    const send = (count: number) => post(url, encodeTraceRequest(groupOf(count, 10_000), "protobuf"));
    const first = send(1_500);
    await vi.waitFor(() => expect(isFirst).toBe(false));
    expect((await send(1_000)).status).toBe(429);
    expect((await send(100)).status).toBe(200);
    goOn();
    expect((await first).status).toBe(200);
    expect((await send(1_500)).status).toBe(200);
    // More than there ever is room for must not be sent again.
    expect((await send(2_500)).status).toBe(413);
  });
});

describe("a trace endpoint", () => {
  it.each(["protobuf", "json"] as const)(
    "takes %s, plain and compressed, and answers with an empty reply",
    async (e) => {
      const server = await serve();
      const bodies: [Uint8Array, Record<string, string>][] = [
        [good[e], {}],
        [good[e], { "content-encoding": "identity", "content-type": `${CONTENT_TYPES[e]}` }],
        [gzipSync(good[e]), { "content-encoding": "gzip" }],
        [deflateSync(good[e]), { "content-encoding": "deflate" }],
        [deflateRawSync(good[e]), { "content-encoding": "Deflate" }],
      ];
      for (const [body, headers] of bodies) {
        const reply = await post(server.url, body, { "content-type": CONTENT_TYPES[e], ...headers });
        expect(reply.status).toBe(200);
        expect(Buffer.from(reply.bytes).toString()).toBe(e === "json" ? "{}" : "");
      }
      expect(server.spans()).toStrictEqual(bodies.map(() => span));
      expect(server.batches.every((batch) => batch.byteLength === good[e].length)).toBe(true);
    },
  );

  it("reads a Content-Type with parameters, and a path with a query", async () => {
    const server = await serve();
    const response = await fetch(`${server.url}?a=b`, {
      method: "POST",
      body: good.json,
      headers: { "content-type": "Application/JSON; charset=utf-8" },
    });
    expect(response.status).toBe(200);
    expect(server.spans()).toHaveLength(1);
  });

  it.each([
    [ProtobufExporter, "none"],
    [ProtobufExporter, "gzip"],
    [JsonExporter, "none"],
    [JsonExporter, "gzip"],
  ] as const)(
    "understands the OpenTelemetry exporter %# (%o, compression %s)",
    async (Exporter, compression) => {
      const server = await serve();
      const exporter = new Exporter({ url: server.url, compression: compression as never });
      const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
      const tracer = provider.getTracer("tests", "1.2.3");
      const started = tracer.startSpan("client call", {
        kind: SpanKind.CLIENT,
        startTime: [1_700_000_000, 123_456_789],
        attributes: { text: "é", count: 42, ratio: 0.5, yes: true, list: ["a", "b"], zero: 0, empty: "" },
      });
      started.addEvent("happened", { n: 7 }, [1_700_000_000, 123_456_790]);
      started.setStatus({ code: SpanStatusCode.ERROR, message: "broken" });
      started.end([1_700_000_001, 1]);
      await provider.forceFlush();
      await provider.shutdown();
      const [received, ...others] = server.spans();
      expect(others).toEqual([]);
      expect(received).toMatchObject({
        traceId: started.spanContext().traceId,
        spanId: started.spanContext().spanId,
        parentSpanId: "",
        name: "client call",
        kind: 3,
        startTimeUnixNano: 1_700_000_000_123_456_789n,
        endTimeUnixNano: 1_700_000_001_000_000_001n,
        status: { code: 2, message: "broken" },
        scope: { name: "tests", version: "1.2.3" },
      });
      expect(received?.attributes).toEqual(
        new Map<string, unknown>([
          ["text", "é"],
          ["count", 42n],
          ["ratio", 0.5],
          ["yes", true],
          ["list", ["a", "b"]],
          ["zero", 0n],
          ["empty", ""],
        ]),
      );
      expect(received?.events[0]).toMatchObject({
        timeUnixNano: 1_700_000_000_123_456_790n,
        name: "happened",
      });
      expect(received?.resource.attributes.get("telemetry.sdk.language")).toBe("nodejs");
    },
  );

  it("keeps good spans and says which bad ones it rejected", async () => {
    const server = await serve();
    const body = JSON.parse(Buffer.from(good.json).toString());
    const spans = body.resourceSpans[0].scopeSpans[0].spans;
    spans.push(
      { name: "no ids" },
      { ...spans[0], spanId: "00" },
      ...Array.from({ length: 1000 }, () => ({})),
    );
    const reply = await post(server.url, Buffer.from(JSON.stringify(body)), {
      "content-type": CONTENT_TYPES.json,
    });
    expect(reply.status).toBe(200);
    const { rejectedSpans, errorMessage } = reply.body.partialSuccess as Record<string, string>;
    expect(rejectedSpans).toBe("1002");
    expect(errorMessage).toContain('spans[1] (name "no ids", trace none, span none): traceId is missing');
    expect(errorMessage).toContain("spanId has 1 bytes, must have 8");
    expect(errorMessage).toContain("(and 997 more)");
    expect(errorMessage!.length).toBeLessThanOrEqual(2_000);
    expect(server.spans()).toStrictEqual([span]);
  });

  it("adds what export refuses to the partial success, and answers 200 when nothing is left", async () => {
    const server = await serve({
      export: async ({ spans }) => ({
        rejected: spans.map((span) => ({ span, reason: "too large to store" })),
      }),
    });
    const reply = await post(server.url, good.protobuf);
    expect(reply.status).toBe(200);
    expect(reply.body.partialSuccess).toEqual({
      rejectedSpans: "1",
      errorMessage: `1 span was rejected. (name "work", trace ${span.traceId}, span ${span.spanId}): too large to store`,
    });
  });

  it("warns of dropped links with a partial success that rejects nothing", async () => {
    const server = await serve();
    const body = JSON.parse(Buffer.from(good.json).toString());
    body.resourceSpans[0].scopeSpans[0].spans[0].links = [{ traceId: "01" }];
    const reply = await post(server.url, Buffer.from(JSON.stringify(body)), {
      "content-type": CONTENT_TYPES.json,
    });
    expect(reply.body.partialSuccess).toEqual({
      errorMessage: expect.stringContaining("a link was dropped"),
    });
    expect(server.spans()[0]?.droppedLinksCount).toBe(1);
  });

  it.each<[string, Uint8Array, Record<string, string>, number, string]>([
    ["malformed protobuf", Buffer.from([0x0a, 0x05, 1]), {}, 400, "Malformed OTLP protobuf at byte 1"],
    ["malformed JSON", Buffer.from("{"), { "content-type": CONTENT_TYPES.json }, 400, "Malformed OTLP JSON"],
    ["an empty JSON body", Buffer.from(""), { "content-type": CONTENT_TYPES.json }, 400, "the body is empty"],
    [
      "truncated gzip",
      gzipSync(good.protobuf).subarray(0, 30),
      { "content-encoding": "gzip" },
      400,
      "inflated",
    ],
    ["no gzip at all", good.protobuf, { "content-encoding": "gzip" }, 400, "cannot be inflated"],
    ["empty gzip", Buffer.from(""), { "content-encoding": "gzip" }, 400, "cannot be inflated"],
    [
      "truncated deflate",
      deflateSync(good.protobuf).subarray(0, 20),
      { "content-encoding": "deflate" },
      400,
      "inflated",
    ],
    [
      "truncated raw deflate",
      deflateRawSync(good.protobuf).subarray(0, 9),
      { "content-encoding": "deflate" },
      400,
      "inf",
    ],
    ["another encoding", good.protobuf, { "content-encoding": "br" }, 415, 'not "br"'],
    ["two encodings", good.protobuf, { "content-encoding": "gzip, gzip" }, 415, 'not "gzip, gzip"'],
  ])("refuses %s", async (_, body, headers, status, message) => {
    const server = await serve();
    const reply = await post(server.url, body, headers);
    expect(reply.status).toBe(status);
    expect(reply.body).toEqual({ code: 3, message: expect.stringContaining(message) });
    expect((await post(server.url, good.protobuf)).status).toBe(200);
    expect(server.spans()).toHaveLength(1);
  });

  it("takes an empty protobuf body and an empty JSON object as requests without spans", async () => {
    const server = await serve();
    expect((await post(server.url, Buffer.from(""))).status).toBe(200);
    expect((await post(server.url, Buffer.from("{}"), { "content-type": CONTENT_TYPES.json })).status).toBe(
      200,
    );
    expect(server.batches).toEqual([]);
  });

  it("answers other paths, methods and types as HTTP has it, in JSON when it knows no better", async () => {
    const server = await serve();
    const lost = await fetch(server.url.replace("traces", "metrics"), { method: "POST", body: "x" });
    expect((await readReply(lost, "json")).body).toEqual({
      code: 5,
      message: expect.stringContaining("/v1/metrics"),
    });
    expect(lost.status).toBe(404);
    for (const method of ["GET", "PUT", "OPTIONS"]) {
      const wrong = await fetch(server.url, { method });
      expect((await readReply(wrong, "json")).status).toBe(405);
      expect(wrong.headers.get("allow")).toBe("POST");
      expect(wrong.headers.get("access-control-allow-origin")).toBeNull();
    }
    const typed = await fetch(server.url, {
      method: "POST",
      body: "x",
      headers: { "content-type": "text/plain" },
    });
    expect((await readReply(typed, "json")).body.message).toContain('not "text/plain"');
    expect(typed.status).toBe(415);
  });

  it("authenticates before it reads the body, and hands the context to export", async () => {
    const server = await serve<{ tenant: string }>({
      authenticate: (headers: IncomingHttpHeaders) => {
        if (headers.authorization === "Bearer busy") throw new OtlpUnavailableError("no keys yet");
        if (headers.authorization === "Bearer old") throw new OtlpRefusedError("this key has expired", 403);
        if (headers.authorization !== "Bearer good") throw new Error("secret detail");
        return { tenant: "acme" };
      },
    });
    const refused = await post(server.url, good.protobuf);
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe("Bearer");
    expect(refused.body).toEqual({ code: 16, message: expect.not.stringContaining("secret") });
    expect((await post(server.url, good.protobuf, { authorization: "Bearer busy" })).status).toBe(503);
    const expired = await post(server.url, good.protobuf, { authorization: "Bearer old" });
    expect([expired.status, expired.body]).toEqual([403, { code: 7, message: "this key has expired" }]);
    expect((await post(server.url, good.protobuf, { authorization: "Bearer good" })).status).toBe(200);
    expect(server.batches.map((batch) => batch.context)).toEqual([{ tenant: "acme" }]);
  });

  it.each([
    [429, 8],
    [502, 14],
    [503, 14],
    [504, 4],
  ] as const)("passes on that export is unavailable with %i", async (status, code) => {
    const server = await serve({
      export: async () => {
        throw new OtlpUnavailableError("ClickHouse is not reachable", { status, retryAfterSeconds: 2.2 });
      },
    });
    const reply = await post(server.url, good.json, { "content-type": CONTENT_TYPES.json });
    expect(reply.status).toBe(status);
    expect(reply.headers.get("retry-after")).toBe("3");
    expect(reply.body).toEqual({ code, message: "ClickHouse is not reachable" });
  });

  it("answers 500 without detail when export fails in any other way, and tells onError", async () => {
    const errors: unknown[] = [];
    const failure = new Error("password=hunter2");
    const server = await serve({
      export: async () => {
        throw failure;
      },
      onError: (error, { status }) => errors.push([error, status]),
    });
    const reply = await post(server.url, good.protobuf);
    expect([reply.status, reply.body]).toEqual([
      500,
      { code: 13, message: "The server failed to take these spans." },
    ]);
    expect(errors).toEqual([[failure, 500]]);
  });

  it("warns of the process where nobody listens to errors, once for equal ones", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      const server = await serve<string>({
        authenticate: ({ authorization }) => {
          if (authorization === undefined) return "a";
          throw new Error(`no such key: ${authorization}`);
        },
        export: async () => {
          throw new RangeError("the store is full");
        },
      });
      for (let i = 0; i < 3; i++) {
        expect((await post(server.url, good.protobuf)).status).toBe(500);
        expect((await post(server.url, good.protobuf, { authorization: `Bearer ${i}` })).status).toBe(401);
      }
      const type = "createOtlpTraceHandler";
      expect(warn.mock.calls).toEqual([
        ["the store is full", { type }],
        [expect.stringMatching(/^`authenticate` threw/), { type }],
      ]);
    } finally {
      warn.mockRestore();
    }
  });

  it("gives back all that a request held when createEncoder throws", async () => {
    const errors: unknown[] = [];
    const server = await serve({
      createEncoder: () => {
        throw new Error("no encoder");
      },
      onError: (error) => errors.push(error),
      maxBodyBytes: 100_000,
      maxInFlightBytes: 150_000,
    });
    const join = vi.spyOn(BodyMemory.prototype, "join");
    try {
      const large = Buffer.concat([good.protobuf, padding(90_000)]);
      for (let i = 0; i < 5; i++) expect((await post(server.url, large)).status).toBe(500);
      expect(errors).toHaveLength(5);
      // The same memory for all five.
      const memory = join.mock.results.map(({ value }) => (value as { bytes: Buffer }).bytes.buffer);
      expect(new Set(memory).size).toBe(1);
    } finally {
      join.mockRestore();
    }
  });

  it.each(["identity", "gzip"])(
    "answers 500 where there is no memory for a body (%s), and serves on",
    async (coding) => {
      const errors: unknown[] = [];
      const server = await serve({
        onError: (error) => errors.push(error),
        maxBodyBytes: 100_000,
        maxInFlightBytes: 150_000,
      });
      const large = Buffer.concat([good.protobuf, padding(90_000)]);
      const body = coding === "gzip" ? gzipSync(large) : large;
      const join = vi.spyOn(BodyMemory.prototype, "join").mockImplementation(() => {
        throw new RangeError("Array buffer allocation failed");
      });
      try {
        for (let i = 0; i < 3; i++)
          expect((await post(server.url, body, { "content-encoding": coding })).status).toBe(500);
      } finally {
        join.mockRestore();
      }
      expect(errors).toHaveLength(3);
      expect((await post(server.url, body, { "content-encoding": coding })).status).toBe(200);
    },
  );

  it("stops a gzip bomb at the limit", async () => {
    const server = await serve();
    const bomb = gzipSync(Buffer.alloc(300_000_000), { level: 1 });
    const before = process.memoryUsage().rss;
    const reply = await post(server.url, bomb, { "content-encoding": "gzip" });
    expect([reply.status, reply.body.code]).toEqual([413, 8]);
    expect(process.memoryUsage().rss - before).toBeLessThan(250_000_000);
    expect((await post(server.url, good.protobuf)).status).toBe(200);
  });

  it("tells fetch and http.request that 65 MB are too much, declared or chunked, while they still send", async () => {
    const server = await serve();
    const body = Buffer.alloc(65_000_000);
    const fetched = await post(server.url, body);
    expect([fetched.status, fetched.body]).toEqual([
      413,
      {
        code: 8,
        message: "The body has 65000000 bytes; the limit is 64000000 after inflation. Send smaller batches.",
      },
    ]);
    for (const headers of [{ "content-length": body.length }, { "transfer-encoding": "chunked" }]) {
      const status = await new Promise((resolve, reject) => {
        const request = httpRequest(server.url, {
          method: "POST",
          headers: { "content-type": CONTENT_TYPES.protobuf, ...headers },
        });
        request.on("response", (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode));
        });
        request.on("error", reject);
        request.end(body);
      });
      expect(status).toBe(413);
    }
    const compressed = await post(server.url, Buffer.alloc(17_000_000), { "content-encoding": "gzip" });
    expect(compressed.status).toBe(413);
    expect(compressed.body.message).toContain("The compressed body");
    expect((await post(server.url, good.protobuf)).status).toBe(200);
  });

  it.each(["protobuf", "json"] as const)(
    "answers 413 to more items than it takes, in %s",
    async (encoding) => {
      const server = await serve({ maxItems: 1_000 });
      const headers = { "content-type": CONTENT_TYPES[encoding] };
      const send = (spans: number) =>
        post(server.url, encodeTraceRequest(Array(spans).fill(span), encoding), headers);
      const refused = await send(1_001);
      expect([refused.status, refused.body.code]).toEqual([413, 8]);
      expect(refused.body.message).toContain("more than 1000 spans");
      // Each brings an attribute.
      expect((await send(400)).status).toBe(200);
    },
  );

  it("answers 400 to a number of more digits than it reads, also where nobody knows the member", async () => {
    const server = await serve();
    const headers = { "content-type": CONTENT_TYPES.json };
    const send = (digits: number, text: (digits: string) => string) =>
      post(server.url, Buffer.from(text("7".repeat(digits))), headers);
    const unknown = (number: string) => `{"unknown":[${number}]}`;
    expect((await send(65_535, unknown)).status).toBe(200);
    const known = (number: string) => `{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":${number}}]}]}]}`;
    for (const text of [unknown, known]) {
      const refused = await send(65_536, text);
      expect([refused.status, refused.body.code]).toEqual([400, 3]);
    }
  });

  it("answers 429 beyond its bytes in flight, and serves again when they are released", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let running = 0;
    const server = await serve({
      export: () => {
        running++;
        return held;
      },
      maxBodyBytes: 1_000,
      maxCompressedBytes: 1_000,
      maxInFlightBytes: 2_000,
    });
    const padding = Buffer.concat([Buffer.from([0x7a, 0x80 | (800 & 0x7f), 800 >> 7]), Buffer.alloc(800)]);
    const padded = Buffer.concat([good.protobuf, padding]);
    const first = [post(server.url, padded), post(server.url, padded)];
    await vi.waitFor(() => expect(running).toBe(2), { timeout: 10_000 });
    const refused = await post(server.url, padded);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toMatch(/^[12]$/);
    release();
    expect((await Promise.all(first)).map((reply) => reply.status)).toEqual([200, 200]);
    expect((await post(server.url, padded)).status).toBe(200);
  });

  it("answers 429 to the tenant that holds its share, and serves the others", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const running: string[] = [];
    const server = await serve<string>({
      authenticate: (headers) => String(headers["x-tenant"]),
      tenantOf: (tenant) => tenant,
      export: ({ context }) => {
        running.push(context);
        return held;
      },
      maxBodyBytes: 1_000,
      maxCompressedBytes: 1_000,
      maxInFlightBytes: 4_000,
      maxInFlightBytesPerTenant: 2_000,
    });
    const padding = Buffer.concat([Buffer.from([0x7a, 0x80 | (800 & 0x7f), 800 >> 7]), Buffer.alloc(800)]);
    const send = (tenant: string) =>
      post(server.url, Buffer.concat([good.protobuf, padding]), { "x-tenant": tenant });
    const first = [send("noisy"), send("noisy")];
    await vi.waitFor(() => expect(running).toHaveLength(2), { timeout: 10_000 });
    const refused = await send("noisy");
    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({ code: 8, message: expect.stringMatching(/your requests/) });
    const quiet = send("quiet");
    await vi.waitFor(() => expect(running).toEqual(["noisy", "noisy", "quiet"]), { timeout: 10_000 });
    release();
    expect((await Promise.all([...first, quiet])).map((reply) => reply.status)).toEqual([200, 200, 200]);
    expect((await send("noisy")).status).toBe(200);
  });

  it("gives a tenant half of the bytes in flight unless told otherwise, and all when there are no tenants", () => {
    const limits = { maxBodyBytes: 1_000, maxCompressedBytes: 1_000, export: async () => {} };
    expect(() => createOtlpTraceHandler({ ...limits, maxInFlightBytes: 2_000 })).not.toThrow();
    // Half would not hold a largest request.
    const tenantOf = () => "";
    expect(() => createOtlpTraceHandler({ ...limits, maxInFlightBytes: 1_500, tenantOf })).not.toThrow();
    expect(() => createOtlpTraceHandler({ ...limits, maxInFlightBytesPerTenant: 999, tenantOf })).toThrow(
      /^maxInFlightBytesPerTenant \(999\) must hold one largest request/,
    );
  });

  it("takes no body of who may not send, and says so before it arrives", async () => {
    const server = await serve<string>({
      authenticate: () => {
        throw new OtlpRefusedError("no", 403, { challenge: 'Bearer error="insufficient_scope"' });
      },
      tenantOf: (tenant) => tenant,
    });
    const socket = connect(server.port, "127.0.0.1");
    socket.write(
      `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${CONTENT_TYPES.json}\r\nContent-Length: 60000000\r\n\r\n`,
    );
    let sent = 0;
    const flood = setInterval(() => {
      if (socket.writable) socket.write(Buffer.alloc(1_000_000), () => (sent += 1_000_000));
    }, 1);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    // Not `once`, which rejects for the reset that ends a flood.
    socket.on("error", () => {});
    await new Promise((closed) => socket.on("close", closed));
    clearInterval(flood);
    const reply = Buffer.concat(chunks).toString();
    expect(reply).toMatch(/^HTTP\/1.1 403 /);
    expect(reply).toContain('WWW-Authenticate: Bearer error="insufficient_scope"');
    expect(sent).toBeLessThan(40_000_000);
  });

  it("lets a small request be decoded among large ones of another tenant", async () => {
    const served: string[] = [];
    const server = await serve<string>({
      authenticate: (headers) => String(headers["x-tenant"]),
      tenantOf: (tenant) => tenant,
      export: async ({ context }) => {
        served.push(context);
      },
    });
    const large = encodeTraceRequest(
      Array.from({ length: 20_000 }, (_, i) => ({ ...span, spanId: (i + 1).toString(16).padStart(16, "0") })),
      "protobuf",
    );
    let isServed = false;
    const flood = Array.from({ length: 20 }, () => post(server.url, large, { "x-tenant": "noisy" }));
    await vi.waitFor(() => expect(served).not.toEqual([]), { timeout: 20_000, interval: 1 });
    const quiet = post(server.url, good.protobuf, { "x-tenant": "quiet" }).then((reply) => {
      isServed = true;
      return reply;
    });
    expect((await quiet).status).toBe(200);
    expect(isServed).toBe(true);
    expect((await Promise.all(flood)).every((reply) => reply.status === 200)).toBe(true);
    expect(served.lastIndexOf("noisy")).toBeGreaterThan(served.indexOf("quiet"));
  });

  it("takes no compressed body as whole before the request is, whatever its last bytes are", async () => {
    const server = await serve();
    const body = gzipSync(good.protobuf);
    const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${CONTENT_TYPES.protobuf}\r\nContent-Encoding: gzip\r\n`;
    for (let i = 0; i < 20; i++) {
      const socket = connect(server.port, "127.0.0.1");
      socket.write(Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length + 5}\r\n\r\n`), body]));
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.end();
      // Not `once`, which rejects where the connection is reset.
      socket.on("error", () => {});
      await new Promise((closed) => socket.on("close", closed));
      expect(Buffer.concat(chunks).toString()).not.toMatch(/^HTTP\/1.1 200/);
    }
    expect(server.batches).toEqual([]);
    // In full, it is taken: what follows the end of the compressed content is ignored, as zlib does.
    const reply = await post(server.url, Buffer.concat([body, Buffer.alloc(100_000)]), {
      "content-encoding": "gzip",
    });
    expect(reply.status).toBe(200);
    expect(server.spans()).toStrictEqual([span]);
  });

  it("answers 408 to a body that does not arrive", async () => {
    const server = await serve({ requestTimeoutMs: 50 });
    const socket = connect(server.port, "127.0.0.1");
    socket.write(
      `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${CONTENT_TYPES.json}\r\nContent-Length: 100\r\n\r\n{`,
    );
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const reply = Buffer.concat(chunks).toString();
    expect(reply).toMatch(/^HTTP\/1.1 408 /);
    expect(reply).toContain("The body comes too slowly");
    expect(server.batches).toEqual([]);
  });

  const uploadHead = (length: number | string, type = CONTENT_TYPES.protobuf) =>
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n` +
    `${typeof length === "number" ? `Content-Length: ${length}` : length}\r\nConnection: close\r\n\r\n`;

  async function received(socket: Socket): Promise<string> {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    // Not `once`, which rejects where the connection is reset.
    socket.on("error", () => {});
    await new Promise((closed) => socket.on("close", closed));
    return Buffer.concat(chunks).toString("latin1");
  }

  it("lets go of a body that came fast and then hardly comes any more", { timeout: 60_000 }, async () => {
    const server = await serve({ requestTimeoutMs: 3_000, maxBodyBytes: 200_000, maxInFlightBytes: 200_000 });
    const socket = connect(server.port, "127.0.0.1");
    socket.write(Buffer.concat([Buffer.from(uploadHead(200_000)), Buffer.alloc(150_000)]));
    const trickle = setInterval(() => socket.writable && socket.write("x"), 50);
    socket.once("data", () => clearInterval(trickle));
    const reply = await received(socket);
    expect(reply).toMatch(/^HTTP\/1.1 408 .*too slowly/s);
    expect((await post(server.url, Buffer.concat([good.protobuf, padding(100_000)]))).status).toBe(200);
  });

  it("takes a small body that comes evenly", { timeout: 60_000 }, async () => {
    const server = await serve({ requestTimeoutMs: 12_000 });
    const socket = connect(server.port, "127.0.0.1");
    socket.write(uploadHead(good.protobuf.length));
    const reply = received(socket);
    for (const byte of good.protobuf) {
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    expect(await reply).toMatch(/^HTTP\/1.1 200 /);
  });

  it("takes nothing from the bytes in flight for a length that is only announced", async () => {
    const server = await serve({ maxBodyBytes: 1_000, maxInFlightBytes: 1_000 });
    const idle = [1, 2, 3].map(() => connect(server.port, "127.0.0.1"));
    for (const socket of idle) {
      socket.on("error", () => {});
      socket.write(uploadHead(1_000));
    }
    const padded = Buffer.concat([good.protobuf, padding(800)]);
    for (let i = 0; i < 3; i++) expect((await post(server.url, padded)).status).toBe(200);
    for (const socket of idle) socket.destroy();
  });

  it("says that it has no room before a body is sent", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let running = false;
    const server = await serve({
      export: () => {
        running = true;
        return held;
      },
      maxBodyBytes: 1_000,
      maxInFlightBytes: 1_000,
    });
    const first = post(server.url, Buffer.concat([good.protobuf, padding(800)]));
    await vi.waitFor(() => expect(running).toBe(true), { timeout: 10_000 });
    const socket = connect(server.port, "127.0.0.1");
    socket.write(uploadHead(1_000));
    const [reply] = (await once(socket, "data")) as [Buffer];
    expect(reply.toString("latin1")).toMatch(/^HTTP\/1.1 429 /);
    socket.destroy();
    release();
    expect((await first).status).toBe(200);
  });

  it.each([undefined, "gzip", "deflate"])(
    "takes a body in chunks of one byte, coded %s",
    { timeout: 60_000 },
    async (coding) => {
      const server = await serve();
      const body = Buffer.concat([good.protobuf, padding(30_000)]);
      const coded =
        coding === "gzip" ? gzipSync(body, { level: 0 }) : coding ? deflateSync(body, { level: 0 }) : body;
      const wire = Buffer.concat([...coded].map((byte) => Buffer.from([0x31, 13, 10, byte, 13, 10])));
      const coded1 = coding === undefined ? "" : `\r\nContent-Encoding: ${coding}`;
      const socket = connect(server.port, "127.0.0.1");
      socket.write(uploadHead(`Transfer-Encoding: chunked${coded1}`));
      socket.write(wire);
      socket.write("0\r\n\r\n");
      expect(await received(socket)).toMatch(/^HTTP\/1.1 200 /);
      expect(server.spans()).toStrictEqual([span]);
    },
  );

  it.each([
    ["Authorization: Bearer a", "authorization: Bearer b"],
    ["x-api-key: a", "x-api-key: b"],
    ["Content-Encoding: gzip", "content-encoding: identity"],
    ["Content-Type: application/json", "x-other: a"],
    ["Content-Length: 3", "Content-Length: 2"],
    ["Transfer-Encoding: chunked", "Content-Length: 2"],
  ])("refuses a request with %s and %s", async (first, second) => {
    let asked = 0;
    const server = await serve<number>({ authenticate: () => asked++ });
    const socket = connect(server.port, "127.0.0.1");
    socket.write(`${uploadHead(`${first}\r\n${second}`)}{}`);
    expect(await received(socket)).toMatch(/^HTTP\/1.1 400 /);
    expect(asked).toBe(0);
  });

  it("aborts the signal when the client leaves, and drops a request that never arrived in full", async () => {
    const signals: AbortSignal[] = [];
    const server = await serve({
      export: async (_, { signal }) => {
        signals.push(signal);
        await once(signal, "abort");
      },
    });
    const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${CONTENT_TYPES.protobuf}\r\nContent-Length: `;
    const half = connect(server.port, "127.0.0.1");
    half.write(`${head}${good.protobuf.length}\r\n\r\nx`);
    await once(half, "connect");
    half.destroy();
    const whole = connect(server.port, "127.0.0.1");
    whole.write(Buffer.concat([Buffer.from(`${head}${good.protobuf.length}\r\n\r\n`), good.protobuf]));
    await vi.waitFor(() => expect(signals).toHaveLength(1), { timeout: 10_000 });
    whole.destroy();
    await vi.waitFor(() => expect(signals[0]?.aborted).toBe(true), { timeout: 10_000 });
    expect(signals).toHaveLength(1);
  });

  it("refuses limits that make no sense", () => {
    const options = { export: async () => {} };
    expect(() => createOtlpTraceHandler({ ...options, maxBodyBytes: 0 })).toThrow(
      "maxBodyBytes must be a positive",
    );
    expect(() => createOtlpTraceHandler({ ...options, maxInFlightBytes: 1 })).toThrow(
      "must hold one largest request",
    );
  });
});
