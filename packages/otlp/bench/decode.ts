import { decodeTraceRequest, encodeTraceRequest, type OtlpSpan } from "../src/index.js";
import { decodeByReference } from "../test/fixtures/reference.js";

// Spans as an instrumented LLM application sends them: about 15 attributes, a few long texts, one event.
const SPANS = 5_000;
const ROUNDS = 15;

const resource = {
  attributes: new Map<string, string>([
    ["service.name", "assistant"],
    ["telemetry.sdk.language", "nodejs"],
  ]),
  droppedAttributesCount: 0,
  schemaUrl: "",
};
const scope = {
  name: "bench",
  version: "1",
  attributes: new Map(),
  droppedAttributesCount: 0,
  schemaUrl: "",
};
const hex = (n: number, length: number): string => (n + 1).toString(16).padStart(length, "1");

const spans: OtlpSpan[] = Array.from({ length: SPANS }, (_, i) => ({
  traceId: hex(Math.floor(i / 10), 32),
  spanId: hex(i, 16),
  parentSpanId: i % 10 === 0 ? "" : hex(i - (i % 10), 16),
  traceState: "",
  flags: 257,
  name: "chat gpt-4o-mini",
  kind: 3,
  startTimeUnixNano: 1_700_000_000_000_000_000n + BigInt(i) * 1_000_003n,
  endTimeUnixNano: 1_700_000_001_000_000_000n + BigInt(i) * 1_000_003n,
  attributes: new Map<string, string | bigint | number | boolean | readonly string[]>([
    ["gen_ai.operation.name", "chat"],
    ["gen_ai.system", "openai"],
    ["gen_ai.request.model", "gpt-4o-mini"],
    ["gen_ai.response.model", "gpt-4o-mini-2024-07-18"],
    ["gen_ai.request.temperature", 0.7],
    ["gen_ai.usage.input_tokens", BigInt(100 + i)],
    ["gen_ai.usage.output_tokens", BigInt(40 + (i % 300))],
    ["gen_ai.response.finish_reasons", ["stop"]],
    ["gen_ai.response.id", `chatcmpl-${i}-abcdef`],
    ["server.address", "api.openai.com"],
    ["server.port", 443n],
    ["session.id", `session-${Math.floor(i / 50)}`],
    ["stream", true],
    ["gen_ai.prompt", `What is the answer to question ${i}? `.repeat(4)],
    ["gen_ai.completion", `The answer to question ${i} is known. `.repeat(5)],
  ]),
  droppedAttributesCount: 0,
  events: [
    {
      timeUnixNano: 1_700_000_000_500_000_000n,
      name: "first token",
      attributes: new Map([["index", 0n]]),
      droppedAttributesCount: 0,
    },
  ],
  droppedEventsCount: 0,
  links: [],
  droppedLinksCount: 0,
  status: { code: 0, message: "" },
  resource,
  scope,
}));

/** Spans per second of the median round, after three to warm up. */
function measure(decode: () => { readonly spans: readonly OtlpSpan[] }): number {
  const times: number[] = [];
  for (let round = -3; round < ROUNDS; round++) {
    const start = performance.now();
    if (decode().spans.length !== SPANS) throw new Error("Spans are missing.");
    if (round >= 0) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return SPANS / (times[Math.floor(times.length / 2)]! / 1000);
}

const protobuf = encodeTraceRequest(spans, "protobuf");
const json = encodeTraceRequest(spans, "json");
const figures = {
  "protobufjs and conversion": measure(() => decodeByReference(Buffer.from(protobuf.buffer))),
  "@es/otlp protobuf": measure(() => decodeTraceRequest(protobuf, "protobuf")),
  "@es/otlp json": measure(() => decodeTraceRequest(json, "json")),
};
console.log(`${SPANS} spans, ${Math.round(protobuf.length / SPANS)} bytes each in protobuf`);
for (const [name, rate] of Object.entries(figures))
  console.log(`${name}: ${Math.round(rate / 1000)} k spans/s`);
const ratio = figures["@es/otlp protobuf"] / figures["protobufjs and conversion"];
console.log(`protobuf: ${ratio.toFixed(2)} times protobufjs`);
