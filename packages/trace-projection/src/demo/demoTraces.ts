import type { OtlpSpan } from "@es/otlp";
import { buildResource, buildScope, buildSpan, type PlainValue, type SpanDraft } from "./spanBuilder.js";

export interface DemoOptions {
  /** When the newest trace ends, Unix nanoseconds. */
  readonly now: bigint;
  /** The same seed gives the same ids. @default 1 */
  readonly seed?: number;
}

/** A trace as its emitter would send it: batch after batch. */
export interface DemoTrace {
  readonly name: string;
  readonly batches: readonly (readonly OtlpSpan[])[];
}

const MS = 1_000_000n;

/**
 * Realistic traces of several frameworks: four LLM conventions, an agent with tools, an error, a root that comes last,
 * plain HTTP, and one of 2 000 spans.
 */
export function demoTraces(options: DemoOptions): readonly DemoTrace[] {
  const random = seededRandom(options.seed ?? 1);
  const recipes: readonly ((trace: TraceDraft) => DemoTrace)[] = [
    otelChat,
    langChainAgent,
    openLlmetryWorkflow,
    vercelStream,
    failedCall,
    lateRoot,
    plainHttp,
    manySpans,
  ];
  return recipes.map((recipe, index) => {
    const start = options.now - BigInt(recipes.length - index) * 10_000n * MS;
    return recipe(new TraceDraft(random, start));
  });
}

/** The spans of one trace while it is made up. Times are milliseconds from its start. */
class TraceDraft {
  readonly #random: () => number;
  readonly #start: bigint;
  readonly traceId: string;

  constructor(random: () => number, start: bigint) {
    this.#random = random;
    this.#start = start;
    this.traceId = hex(random, 32);
  }

  at(ms: number): bigint {
    return this.#start + BigInt(Math.round(ms * 1e6));
  }

  span(
    name: string,
    [startMs, endMs]: readonly [number, number],
    rest: Omit<Partial<SpanDraft>, "start" | "end"> & { readonly parent?: OtlpSpan } = {},
  ): OtlpSpan {
    const { parent, ...draft } = rest;
    return buildSpan({
      ...draft,
      name,
      traceId: this.traceId,
      spanId: hex(this.#random, 16),
      ...(parent === undefined ? {} : { parentSpanId: parent.spanId }),
      start: this.at(startMs),
      end: this.at(endMs),
    });
  }
}

function otelChat(trace: TraceDraft): DemoTrace {
  const resource = buildResource("support-api");
  const root = trace.span("POST /v1/answers", [0, 1_420], {
    kind: 2,
    resource,
    scope: buildScope("@opentelemetry/instrumentation-http", "0.223.0"),
    attributes: {
      "http.request.method": "POST",
      "url.path": "/v1/answers",
      "http.response.status_code": 200,
      "user.id": "user-4711",
    },
  });
  const chat = trace.span("chat gpt-4o", [35, 1_395], {
    parent: root,
    kind: 3,
    resource,
    scope: buildScope("opentelemetry.instrumentation.openai_v2", "2.4"),
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o",
      "gen_ai.response.model": "gpt-4o-2024-08-06",
      "gen_ai.conversation.id": "conv-2001",
      "gen_ai.system_instructions": JSON.stringify([
        { type: "text", content: "You answer in one sentence." },
      ]),
      "gen_ai.input.messages": JSON.stringify([
        { role: "user", parts: [{ type: "text", content: "Why does my invoice list two VAT rates?" }] },
      ]),
      "gen_ai.output.messages": JSON.stringify([
        {
          role: "assistant",
          parts: [
            { type: "text", content: "Food is taxed at the reduced rate and delivery at the full one." },
          ],
          finish_reason: "stop",
        },
      ]),
      "gen_ai.usage.input_tokens": 1_240,
      "gen_ai.usage.output_tokens": 64,
      "gen_ai.usage.cache_read.input_tokens": 1_024,
      "gen_ai.response.time_to_first_chunk": 0.412,
    },
  });
  return { name: "OTel GenAI: chat behind HTTP", batches: [[chat], [root]] };
}

function langChainAgent(trace: TraceDraft): DemoTrace {
  const resource = buildResource("travel-agent");
  const scope = buildScope("@arizeai/openinference-instrumentation-langchain", "4.0.0");
  const common = { resource, scope };
  const model = { "llm.model_name": "claude-sonnet-4-20250514", "llm.provider": "anthropic" };
  const root = trace.span("AgentExecutor", [0, 6_120], {
    ...common,
    attributes: {
      "openinference.span.kind": "AGENT",
      "input.value": "Is it warm enough in Lisbon for a picnic on Saturday?",
      "input.mime_type": "text/plain",
      "output.value": "Yes: 24 °C and no rain are forecast for Lisbon on Saturday.",
      "output.mime_type": "text/plain",
      "session.id": "session-88",
      "user.id": "ana",
      "tag.tags": ["production", "travel"],
      metadata: JSON.stringify({ release: "2026-11", experiment: { arm: "b" } }),
      // The agent repeats what its calls used; it counts once.
      "llm.token_count.prompt": 1_930,
      "llm.token_count.completion": 141,
      "llm.token_count.total": 2_071,
    },
  });
  const plan = trace.span("ChatAnthropic", [20, 2_310], {
    ...common,
    parent: root,
    attributes: {
      "openinference.span.kind": "LLM",
      ...model,
      "llm.input_messages.0.message.role": "system",
      "llm.input_messages.0.message.content": "You plan trips. Use the tools.",
      "llm.input_messages.1.message.role": "user",
      "llm.input_messages.1.message.content": "Is it warm enough in Lisbon for a picnic on Saturday?",
      "llm.output_messages.0.message.role": "assistant",
      "llm.output_messages.0.message.tool_calls.0.tool_call.id": "toolu_01",
      "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "get_forecast",
      "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments":
        '{"city":"Lisbon","day":"Saturday"}',
      "llm.token_count.prompt": 870,
      "llm.token_count.completion": 58,
      "llm.token_count.total": 928,
    },
    events: [{ name: "llm.content.completion.chunk", at: trace.at(702) }],
  });
  const tool = trace.span("get_forecast", [2_330, 2_900], {
    ...common,
    parent: root,
    attributes: {
      "openinference.span.kind": "TOOL",
      "tool.name": "get_forecast",
      "input.value": '{"city":"Lisbon","day":"Saturday"}',
      "input.mime_type": "application/json",
      "output.value": '{"high":24,"rain":0}',
      "output.mime_type": "application/json",
    },
  });
  const answer = trace.span("ChatAnthropic", [2_950, 6_080], {
    ...common,
    parent: root,
    attributes: {
      "openinference.span.kind": "LLM",
      ...model,
      "llm.input_messages.0.message.role": "user",
      "llm.input_messages.0.message.content": "Is it warm enough in Lisbon for a picnic on Saturday?",
      "llm.input_messages.1.message.role": "tool",
      "llm.input_messages.1.message.content": '{"high":24,"rain":0}',
      "llm.output_messages.0.message.role": "assistant",
      "llm.output_messages.0.message.content": "Yes: 24 °C and no rain are forecast for Lisbon on Saturday.",
      "llm.token_count.prompt": 1_060,
      "llm.token_count.completion": 83,
      "llm.token_count.total": 1_143,
    },
    events: [{ name: "llm.content.completion.chunk", at: trace.at(3_391) }],
  });
  return {
    name: "OpenInference: LangChain agent with a tool",
    batches: [
      [plan, tool],
      [answer, root],
    ],
  };
}

function openLlmetryWorkflow(trace: TraceDraft): DemoTrace {
  const resource = buildResource("newsletter");
  const common = { resource, scope: buildScope("opentelemetry.instrumentation.openai.v1", "0.47.3") };
  const properties = {
    "traceloop.workflow.name": "write_newsletter",
    "traceloop.association.properties.session_id": "issue-112",
    "traceloop.association.properties.user_id": "editor-7",
    "traceloop.association.properties.language": "en",
  };
  const root = trace.span("write_newsletter.workflow", [0, 3_200], {
    ...common,
    attributes: {
      ...properties,
      "traceloop.span.kind": "workflow",
      "traceloop.entity.name": "write_newsletter",
      "traceloop.entity.input": '{"args":["Autumn recipes"],"kwargs":{}}',
      "traceloop.entity.output": '"Ten soups for cold evenings"',
    },
  });
  const task = trace.span("headline.task", [10, 3_150], {
    ...common,
    parent: root,
    attributes: { ...properties, "traceloop.span.kind": "task", "traceloop.entity.name": "headline" },
  });
  const chat = trace.span("openai.chat", [25, 3_120], {
    ...common,
    parent: task,
    kind: 3,
    attributes: {
      ...properties,
      "llm.request.type": "chat",
      "gen_ai.system": "openai",
      "gen_ai.request.model": "gpt-4o-mini",
      "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
      "gen_ai.prompt.0.role": "system",
      "gen_ai.prompt.0.content": "You write headlines.",
      "gen_ai.prompt.1.role": "user",
      "gen_ai.prompt.1.content": "A headline for autumn recipes, please.",
      "gen_ai.completion.0.role": "assistant",
      "gen_ai.completion.0.content": "Ten soups for cold evenings",
      "gen_ai.completion.0.finish_reason": "stop",
      "gen_ai.usage.prompt_tokens": 31,
      "gen_ai.usage.completion_tokens": 8,
      "llm.usage.total_tokens": 39,
    },
  });
  return { name: "OpenLLMetry: workflow, task, call", batches: [[root, task, chat]] };
}

function vercelStream(trace: TraceDraft): DemoTrace {
  const common = { resource: buildResource("chat-web"), scope: buildScope("ai", "") };
  const telemetry = {
    "ai.model.id": "gpt-4.1",
    "ai.model.provider": "openai.responses",
    "ai.telemetry.functionId": "support-chat",
    "ai.telemetry.metadata.sessionId": "web-17",
    "ai.telemetry.metadata.userId": "u-9",
    "ai.telemetry.metadata.tags": ["beta"],
    "ai.telemetry.metadata.plan": "pro",
  };
  const usage = {
    "ai.usage.inputTokens": 412,
    "ai.usage.outputTokens": 96,
    "ai.usage.totalTokens": 508,
    "ai.usage.cachedInputTokens": 256,
    "ai.usage.reasoningTokens": 0,
  };
  const root = trace.span("ai.streamText support-chat", [0, 2_640], {
    ...common,
    attributes: {
      ...telemetry,
      ...usage,
      "operation.name": "ai.streamText support-chat",
      "ai.operationId": "ai.streamText",
      "ai.prompt": JSON.stringify({
        system: "You help with the shop.",
        messages: [{ role: "user", content: "Where is my parcel?" }],
      }),
      "ai.response.text": "It left the depot this morning and should reach you today.",
      "ai.response.finishReason": "stop",
    },
  });
  const call = trace.span("ai.streamText.doStream", [12, 2_610], {
    ...common,
    parent: root,
    attributes: {
      ...telemetry,
      ...usage,
      "operation.name": "ai.streamText.doStream support-chat",
      "ai.operationId": "ai.streamText.doStream",
      "ai.prompt.messages": JSON.stringify([
        { role: "system", content: "You help with the shop." },
        { role: "user", content: [{ type: "text", text: "Where is my parcel?" }] },
      ]),
      "ai.response.text": "It left the depot this morning and should reach you today.",
      "ai.response.model": "gpt-4.1-2025-04-14",
      "ai.response.msToFirstChunk": 318.25,
      "ai.response.msToFinish": 2_590.5,
      "gen_ai.system": "openai.responses",
      "gen_ai.request.model": "gpt-4.1",
      "gen_ai.response.model": "gpt-4.1-2025-04-14",
      "gen_ai.usage.input_tokens": 412,
      "gen_ai.usage.output_tokens": 96,
    },
    events: [
      { name: "ai.stream.firstChunk", at: trace.at(12 + 318.25) },
      { name: "ai.stream.finish", at: trace.at(2_602.5) },
    ],
  });
  return { name: "Vercel AI SDK: streamText", batches: [[call, root]] };
}

function failedCall(trace: TraceDraft): DemoTrace {
  const common = {
    resource: buildResource("summarizer"),
    scope: buildScope("opentelemetry.instrumentation.anthropic", "0.47"),
  };
  const failed = { code: 2, message: "Overloaded" } as const;
  const exception = (at: number): NonNullable<SpanDraft["events"]>[number] => ({
    name: "exception",
    at: trace.at(at),
    attributes: {
      "exception.type": "anthropic.OverloadedError",
      "exception.message": "The service is overloaded, try again later.",
      "exception.stacktrace": "Traceback (most recent call last): …",
    },
  });
  const root = trace.span("summarize", [0, 905], { ...common, status: failed, events: [exception(902)] });
  const call = trace.span("anthropic.chat", [15, 900], {
    ...common,
    parent: root,
    kind: 3,
    status: failed,
    events: [exception(899)],
    attributes: {
      "llm.request.type": "chat",
      "gen_ai.system": "Anthropic",
      "gen_ai.request.model": "claude-sonnet-4-20250514",
      "gen_ai.prompt.0.role": "user",
      "gen_ai.prompt.0.content": "Summarize the attached contract.",
      "error.type": "OverloadedError",
    },
  });
  return { name: "A call that failed", batches: [[root, call]] };
}

function lateRoot(trace: TraceDraft): DemoTrace {
  const common = {
    resource: buildResource("batch-worker"),
    scope: buildScope("opentelemetry.instrumentation.openai_v2", "2.4"),
  };
  const root = trace.span("nightly-report", [0, 9_400], { ...common, attributes: { "user.id": "cron" } });
  const calls = [0, 1, 2].map((step) =>
    trace.span("chat gpt-4o-mini", [100 + step * 3_000, 2_900 + step * 3_000], {
      ...common,
      parent: root,
      kind: 3,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 500 + step,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.input.messages": [
          { role: "user", parts: [{ type: "text", content: `Write part ${step + 1} of the report.` }] },
        ] satisfies PlainValue,
        "gen_ai.output.messages": [
          {
            role: "assistant",
            parts: [{ type: "text", content: `Part ${step + 1}: all well.` }],
            finish_reason: "stop",
          },
        ] satisfies PlainValue,
      },
    }),
  );
  return { name: "The root comes last", batches: [...calls.map((call) => [call]), [root]] };
}

function plainHttp(trace: TraceDraft): DemoTrace {
  const web = buildResource("web");
  const orders = buildResource("orders");
  const root = trace.span("GET /orders/:id", [0, 48], {
    kind: 2,
    resource: web,
    attributes: {
      "http.request.method": "GET",
      "url.path": "/orders/42",
      "http.route": "/orders/:id",
      "http.response.status_code": 200,
    },
  });
  const rpc = trace.span("orders.Orders/Get", [4, 44], {
    parent: root,
    kind: 3,
    resource: web,
    attributes: { "rpc.system": "grpc", "rpc.service": "orders.Orders", "rpc.method": "Get" },
  });
  const served = trace.span("orders.Orders/Get", [6, 42], {
    parent: rpc,
    kind: 2,
    resource: orders,
    attributes: { "rpc.system": "grpc", "rpc.service": "orders.Orders", "rpc.method": "Get" },
  });
  const query = trace.span("SELECT orders", [9, 40], {
    parent: served,
    kind: 3,
    resource: orders,
    attributes: { "db.system.name": "postgresql", "db.query.text": "SELECT * FROM orders WHERE id = $1" },
  });
  return {
    name: "Plain HTTP, RPC and database",
    batches: [
      [root, rpc],
      [served, query],
    ],
  };
}

/** 2 000 spans: a root, 40 batches, 1 959 embeddings in them. Sent 500 at a time, children first. */
function manySpans(trace: TraceDraft): DemoTrace {
  const common = {
    resource: buildResource("indexer"),
    scope: buildScope("opentelemetry.instrumentation.openai_v2", "2.4"),
  };
  const root = trace.span("index documents", [0, 9_900], {
    ...common,
    attributes: {
      "input.value": "handbook.pdf",
      "output.value": "1959 passages indexed",
      "openinference.span.kind": "CHAIN",
    },
  });
  const groups = Array.from({ length: 40 }, (_, group) =>
    trace.span(`batch ${group}`, [10 + group * 240, 240 + group * 240], {
      ...common,
      parent: root,
      attributes: { "openinference.span.kind": "CHAIN" },
    }),
  );
  const embeddings = Array.from({ length: 1_959 }, (_, index) => {
    const group = index % 40;
    const start = 12 + group * 240 + Math.floor(index / 40) * 4;
    return trace.span("embeddings text-embedding-3-small", [start, start + 3], {
      ...common,
      parent: groups[group] as OtlpSpan,
      kind: 3,
      attributes: {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.usage.input_tokens": 200 + (index % 7),
      },
    });
  });
  const spans = [...embeddings, ...groups, root];
  const batches = Array.from({ length: Math.ceil(spans.length / 500) }, (_, batch) =>
    spans.slice(batch * 500, batch * 500 + 500),
  );
  return { name: "2 000 spans", batches };
}

/** Mulberry32. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function hex(random: () => number, digits: number): string {
  let text = "";
  while (text.length < digits) {
    text += Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
  }
  return text.slice(0, digits);
}
