import type { OtlpSpan, Resource, Scope } from "@es/otlp";

/** Spans of one trace, unless a caller wants another number. */
export const SPANS_PER_TRACE = 10;

export interface GenAiTracesOptions {
  readonly traces: number;
  /** @default SPANS_PER_TRACE */
  readonly spansPerTrace?: number;
  /** The same one gives the same spans. */
  readonly seed: number;
  /** Whether spans name a session. @default true */
  readonly sessions?: boolean;
  /** Four bytes that every id begins with, to be found and replaced in an encoded request. Hex. */
  readonly idPrefix?: string;
}

const resource: Resource = {
  attributes: new Map<string, string>([
    ["service.name", "assistant"],
    ["service.version", "4.2.0"],
    ["deployment.environment.name", "production"],
    ["telemetry.sdk.language", "nodejs"],
  ]),
  droppedAttributesCount: 0,
  schemaUrl: "",
};
const scope: Scope = {
  name: "@opentelemetry/instrumentation-openai",
  version: "0.9.1",
  attributes: new Map(),
  droppedAttributesCount: 0,
  schemaUrl: "",
};
const words =
  "the order was shipped on monday and should arrive within three days please check tracking number again customer asks about refund policy for opened items we can offer store credit or replacement under warranty".split(
    " ",
  );
const models = ["gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5", "gemini-2.5-flash"] as const;
const BEGIN = 1_790_000_000_000_000_000n;

/**
 * Traces as an instrumented LLM application sends them, about 900 bytes a span in protobuf: an agent, and below it model
 * and tool calls in turns.
 */
export function genAiTraces(options: GenAiTracesOptions): OtlpSpan[] {
  const random = randomNumbers(options.seed);
  const prefix = options.idPrefix ?? "";
  const id = (digits: number) => {
    let hex = prefix;
    while (hex.length < digits)
      hex += Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, "0");
    return hex.slice(0, digits);
  };
  const text = (length: number) => {
    let said = "";
    while (said.length < length) said += `${words[Math.floor(random() * words.length)]} `;
    return said.slice(0, length);
  };
  const spans: OtlpSpan[] = [];
  for (let trace = 0; trace < options.traces; trace++) {
    const traceId = id(32);
    const rootId = id(16);
    const model = models[Math.floor(random() * models.length)] ?? models[0];
    const session = `session-${Math.floor(random() * 1_000)}`;
    const named = options.sessions === false ? undefined : session;
    const begin = BEGIN + BigInt(Math.floor(random() * 3_600_000)) * 1_000_000n;
    for (let index = 0; index < (options.spansPerTrace ?? SPANS_PER_TRACE); index++) {
      const kind = index === 0 ? "invoke_agent" : index % 3 === 0 ? "execute_tool" : "chat";
      const start = begin + BigInt(index) * 40_000_000n;
      spans.push({
        traceId,
        spanId: index === 0 ? rootId : id(16),
        parentSpanId: index === 0 ? "" : rootId,
        traceState: "",
        flags: 257,
        name: kind === "chat" ? `chat ${model}` : kind === "execute_tool" ? "execute_tool lookup" : kind,
        kind: kind === "chat" ? 3 : 1,
        startTimeUnixNano: start,
        endTimeUnixNano: start + 35_000_000n + BigInt(Math.floor(random() * 1_000_000)),
        attributes: attributesOf(kind, { model, session: named, text, random }),
        droppedAttributesCount: 0,
        events:
          kind === "chat"
            ? [
                {
                  timeUnixNano: start + 9_000_000n,
                  name: "gen_ai.first_token",
                  attributes: new Map(),
                  droppedAttributesCount: 0,
                },
              ]
            : [],
        droppedEventsCount: 0,
        links: [],
        droppedLinksCount: 0,
        status: { code: 0, message: "" },
        resource,
        scope,
      });
    }
  }
  return spans;
}

interface Material {
  readonly model: string;
  readonly session: string | undefined;
  readonly text: (length: number) => string;
  readonly random: () => number;
}

function attributesOf(kind: string, { model, session, text, random }: Material): OtlpSpan["attributes"] {
  const count = (most: number) => BigInt(Math.floor(random() * most));
  const common: (readonly [string, string | bigint | number | readonly string[]])[] = [
    ["gen_ai.operation.name", kind],
    ...(session === undefined ? [] : ([["gen_ai.conversation.id", session]] as const)),
    ["gen_ai.agent.name", "support"],
    ["user.id", `user-${count(10_000)}`],
  ];
  if (kind === "execute_tool") {
    return new Map([
      ...common,
      ["gen_ai.tool.name", "lookup"],
      ["gen_ai.tool.call.id", `call_${count(1_000_000_000)}`],
      ["gen_ai.tool.call.arguments", JSON.stringify({ query: text(110) })],
      ["gen_ai.tool.call.result", JSON.stringify({ found: text(250) })],
    ]);
  }
  const message = (role: string, length: number) => ({
    role,
    parts: [{ type: "text", content: text(length) }],
  });
  return new Map([
    ...common,
    ["gen_ai.provider.name", "openai"],
    ["gen_ai.request.model", model],
    ["gen_ai.response.model", model],
    ["gen_ai.response.id", `chatcmpl-${count(1_000_000_000)}`],
    ["gen_ai.request.temperature", 0.7],
    ["gen_ai.response.finish_reasons", ["stop"]],
    ["gen_ai.usage.input_tokens", 100n + count(2_000)],
    ["gen_ai.usage.output_tokens", 10n + count(500)],
    ["gen_ai.input.messages", JSON.stringify([message("user", 80)])],
    ["gen_ai.output.messages", JSON.stringify([message("assistant", 80)])],
    ["server.address", "api.openai.com"],
    ["server.port", 443n],
  ]);
}

/** Numbers from 0 to 1, the same ones for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
