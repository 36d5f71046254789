import { randomBytes } from "node:crypto";
import { encodeTraceRequest, type OtlpSpan } from "@es/otlp";
import { type HrTime, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

export const exporters = [
  { encoding: "protobuf", compression: CompressionAlgorithm.NONE },
  { encoding: "protobuf", compression: CompressionAlgorithm.GZIP },
  { encoding: "json", compression: CompressionAlgorithm.NONE },
  { encoding: "json", compression: CompressionAlgorithm.GZIP },
] as const;

export type ExporterKind = (typeof exporters)[number];

const SECOND = 1_700_000_000;
/** So many nanoseconds into the request. */
const at = (nanoseconds: number): HrTime => [SECOND, nanoseconds];

/**
 * A chat request through the real OpenTelemetry SDK and exporter: an HTTP root over a model call and a tool that fails.
 * Resolves with the trace id once the exporter has flushed.
 */
export async function sendChatThroughSdk(
  ingestUrl: string,
  { encoding, compression }: ExporterKind,
): Promise<string> {
  const Exporter = encoding === "protobuf" ? ProtobufExporter : JsonExporter;
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop-assistant" }),
    spanProcessors: [new BatchSpanProcessor(new Exporter({ url: `${ingestUrl}/v1/traces`, compression }))],
  });
  const tracer = provider.getTracer("e2e", "1.0.0");
  const root = tracer.startSpan(
    "POST /chat",
    { kind: SpanKind.SERVER, startTime: at(0), attributes: { "session.id": "session-7", "user.id": "ada" } },
    ROOT_CONTEXT,
  );
  const inside = trace.setSpan(ROOT_CONTEXT, root);
  const chat = tracer.startSpan(
    "chat gpt-4o",
    {
      kind: SpanKind.CLIENT,
      startTime: at(1_000_001),
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.input.messages": JSON.stringify([
          { role: "user", parts: [{ type: "text", content: "Is the blue mug in stock?" }] },
        ]),
        "gen_ai.output.messages": JSON.stringify([
          {
            role: "assistant",
            parts: [{ type: "text", content: "Yes, three are left." }],
            finish_reason: "stop",
          },
        ]),
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.response.time_to_first_chunk": 0.25,
      },
    },
    inside,
  );
  chat.end(at(900_000_000));
  const tool = tracer.startSpan(
    "execute_tool check_stock",
    {
      startTime: at(300_000_000),
      attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "check_stock" },
    },
    inside,
  );
  tool.recordException(new RangeError("warehouse 3 does not answer"), at(350_000_000));
  tool.setStatus({ code: SpanStatusCode.ERROR, message: "warehouse 3 does not answer" });
  tool.end(at(400_000_000));
  root.end(at(950_000_123));
  await provider.shutdown();
  return root.spanContext().traceId;
}

/** What the projection of that request must say. */
export const chatProjection = {
  tenantId: "default",
  name: "POST /chat",
  spanCount: 3,
  errorCount: 1,
  status: "error",
  startTimeUnixNano: `${SECOND}000000000`,
  endTimeUnixNano: `${SECOND}950000123`,
  durationNano: "950000123",
  models: ["gpt-4o-2024-08-06"],
  providers: ["openai"],
  services: ["shop-assistant"],
  usage: {
    inputTokens: 120,
    outputTokens: 8,
    totalTokens: 128,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  },
  // 120 × 2.50 USD and 8 × 10 USD per million tokens.
  cost: { amount: "0.00038", currency: "USD" },
  timeToFirstTokenNano: { call: "250000000", trace: "251000001" },
  sessionId: "session-7",
  userId: "ada",
  truncated: false,
} as const;

/** A well-formed span with ids of its own; everything else can be given. */
export function makeSpan(fields: Partial<OtlpSpan> = {}): OtlpSpan {
  return {
    traceId: randomBytes(16).toString("hex"),
    spanId: randomBytes(8).toString("hex"),
    parentSpanId: "",
    traceState: "",
    flags: 0,
    name: "span",
    kind: 1,
    startTimeUnixNano: 1_700_000_000_000_000_000n,
    endTimeUnixNano: 1_700_000_000_100_000_000n,
    attributes: new Map(),
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: { code: 0, message: "" },
    resource: {
      attributes: new Map([["service.name", "e2e"]]),
      droppedAttributesCount: 0,
      schemaUrl: "",
    },
    scope: { name: "e2e", version: "", attributes: new Map(), droppedAttributesCount: 0, schemaUrl: "" },
    ...fields,
  };
}

/** One OTLP request with these spans; the body of the reply is read. */
export async function sendSpans(ingestUrl: string, spans: readonly OtlpSpan[]): Promise<number> {
  const response = await fetch(`${ingestUrl}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: encodeTraceRequest(spans, "protobuf"),
  });
  await response.arrayBuffer();
  return response.status;
}
