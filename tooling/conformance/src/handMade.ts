import { type Attributes, type AttributeValue, encodeTraceRequest, type OtlpSpan } from "@es/otlp";
import type { Fixture, Truth, TruthCall } from "./fixture.js";

// Written by hand: emitters that no npm package is, with the attributes their documentation names, and arrangements of spans
// that no single package makes, but that platforms get wrong.

interface HandMadeSpan {
  readonly name: string;
  readonly scope: string;
  /** Milliseconds after the trace's start. */
  readonly from: number;
  readonly to: number;
  readonly attributes?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  readonly events?: readonly {
    readonly name: string;
    readonly at: number;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
  readonly failed?: string;
  readonly below?: readonly HandMadeSpan[];
}

interface HandMade {
  readonly id: string;
  readonly sdk: string;
  readonly scenario: string;
  readonly truth: Partial<Omit<Truth, "calls">> & { readonly calls: readonly TruthCall[] };
  readonly roots: readonly HandMadeSpan[];
  /** The root's request comes after those of all that is below it. */
  readonly rootLast?: true;
}

const START = 1_790_000_000_000_000_000n;
const question = "What is the capital of France?";
const answer = "The capital of France is Paris.";

/** A call of gpt-4o-mini, as OTel GenAI has it. */
function call(
  scope: string,
  from: number,
  to: number,
  input: number,
  output: number,
  more: HandMadeSpan["attributes"] = {},
): HandMadeSpan {
  return {
    name: "chat gpt-4o-mini",
    scope,
    from,
    to,
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o-mini",
      "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
      "gen_ai.usage.input_tokens": input,
      "gen_ai.usage.output_tokens": output,
      ...more,
    },
  };
}

/** An agent that reports its calls' tokens in sum. */
function agent(
  scope: string,
  from: number,
  to: number,
  input: number,
  output: number,
  below: readonly HandMadeSpan[],
): HandMadeSpan {
  return {
    name: "invoke_agent answerer",
    scope,
    from,
    to,
    attributes: {
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "answerer",
      "gen_ai.input.messages": messages("user", question),
      "gen_ai.output.messages": messages("assistant", answer),
      "gen_ai.usage.input_tokens": input,
      "gen_ai.usage.output_tokens": output,
    },
    below,
  };
}

/** The end of one of Codex's answers: the event that has its tokens. */
function codexAnswer(
  from: number,
  to: number,
  input: number,
  cached: number,
  output: number,
  reasoning: number,
): HandMadeSpan {
  return {
    name: "completed",
    scope: "codex_cli_rs",
    from,
    to,
    attributes: {
      "codex.request.reasoning_effort": "medium",
      "gen_ai.usage.input_tokens": input,
      "gen_ai.usage.cache_read.input_tokens": cached,
      "gen_ai.usage.output_tokens": output,
      "codex.usage.reasoning_output_tokens": reasoning,
      "codex.usage.total_tokens": input + output,
    },
  };
}

function messages(role: string, content: string): string {
  return JSON.stringify([{ role, parts: [{ type: "text", content }] }]);
}

function billed(input: number, output: number, more: Partial<TruthCall> = {}): TruthCall {
  return {
    api: "openai.chat",
    model: "gpt-4o-mini",
    responseModel: "gpt-4o-mini-2024-07-18",
    streamed: false,
    status: 200,
    usage: { input, output },
    ...more,
  };
}

const twoCalls = [billed(100, 20), billed(200, 30)];
const traps = "double counting";

const arrangements: readonly HandMade[] = [
  {
    id: "traps/rollUp",
    sdk: traps,
    scenario: "An agent reports the sum of its calls",
    truth: { calls: twoCalls, kinds: ["agent"] },
    roots: [agent("a", 0, 900, 300, 50, [call("a", 10, 400, 100, 20), call("a", 410, 800, 200, 30)])],
  },
  {
    id: "traps/parentLast",
    sdk: traps,
    scenario: "The same, and the agent's span comes last",
    truth: { calls: twoCalls, kinds: ["agent"] },
    roots: [agent("a", 0, 900, 300, 50, [call("a", 10, 400, 100, 20), call("a", 410, 800, 200, 30)])],
    rootLast: true,
  },
  {
    id: "traps/usageTwiceOnOneSpan",
    sdk: traps,
    scenario: "A streamed call whose span has its usage under the older names, too, and as a total",
    truth: { calls: [billed(100, 20)], kinds: ["agent"] },
    roots: [
      agent("a", 0, 900, 100, 20, [
        call("a", 10, 400, 100, 20, {
          "gen_ai.usage.prompt_tokens": 100,
          "gen_ai.usage.completion_tokens": 20,
          "llm.usage.total_tokens": 120,
        }),
      ]),
    ],
  },
  {
    id: "traps/parentReportsMore",
    sdk: traps,
    scenario: "An agent reports more than its calls: one made no span",
    truth: { calls: [billed(100, 20), billed(200, 30), billed(70, 5)], kinds: ["agent"] },
    roots: [
      {
        ...agent("a", 0, 900, 370, 55, [call("a", 10, 400, 100, 20), call("a", 410, 800, 200, 30)]),
        attributes: {
          ...agent("a", 0, 900, 370, 55, []).attributes,
          "gen_ai.provider.name": "openai",
          "gen_ai.request.model": "gpt-4o-mini",
        },
      },
    ],
  },
  {
    id: "traps/gatewayBelow",
    sdk: traps,
    scenario: "A gateway makes a span of the call that its client made one of",
    truth: { calls: [billed(100, 20)], kinds: ["agent"] },
    roots: [
      agent("a", 0, 900, 100, 20, [
        {
          ...call("client", 10, 400, 100, 20),
          below: [
            {
              name: "POST",
              scope: "http",
              from: 20,
              to: 390,
              attributes: { "http.request.method": "POST", "url.path": "/v1/chat/completions" },
              below: [call("gateway", 40, 380, 100, 20)],
            },
          ],
        },
      ]),
    ],
  },
  {
    id: "traps/threeSideBySide",
    sdk: traps,
    scenario: "Three instrumentations side by side, of which one knows what was cached",
    truth: {
      calls: [billed(2048, 12, { usage: { input: 2048, output: 12, cacheRead: 1536 } })],
      input: "none",
      output: null,
    },
    roots: [
      {
        name: "answer",
        scope: "app",
        from: 0,
        to: 900,
        below: [
          call("a", 10, 400, 2048, 12),
          call("b", 12, 398, 2048, 12, { "gen_ai.usage.cache_read.input_tokens": 1536 }),
          call("c", 14, 399, 2048, 12),
        ],
      },
    ],
  },
  {
    id: "traps/treesSideBySide",
    sdk: traps,
    scenario:
      "Two frameworks' trees side by side, both with an agent that reports the sum, below one that does so too",
    truth: { calls: twoCalls, kinds: ["agent"] },
    roots: [
      agent("app", 0, 1000, 300, 50, [
        agent("a", 5, 900, 300, 50, [call("a", 10, 400, 100, 20), call("a", 410, 800, 200, 30)]),
        agent("b", 6, 901, 300, 50, [call("b", 11, 399, 100, 20), call("b", 411, 799, 200, 30)]),
      ]),
    ],
  },
  {
    id: "traps/sameTwice",
    sdk: traps,
    scenario: "One instrumentation, two equal calls at a time: both count",
    truth: { calls: [billed(100, 20), billed(100, 20)], kinds: ["agent"] },
    roots: [agent("a", 0, 900, 200, 40, [call("a", 10, 400, 100, 20), call("a", 10, 400, 100, 20)])],
  },
  {
    id: "traps/agentBelowCall",
    sdk: traps,
    scenario: "A tool that a call asked for runs below it, and asks another model",
    truth: { calls: [billed(100, 20), billed(40, 5)], kinds: ["agent", "tool"] },
    roots: [
      agent("a", 0, 900, 140, 25, [
        {
          ...call("a", 10, 800, 100, 20),
          below: [
            {
              name: "execute_tool ask",
              scope: "a",
              from: 200,
              to: 700,
              attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask" },
              below: [call("a", 210, 690, 40, 5)],
            },
          ],
        },
      ]),
    ],
  },
];

const emitters: readonly HandMade[] = [
  {
    id: "pydanticAi/agent",
    sdk: "pydantic-ai (Python)",
    scenario: "An agent with a tool",
    truth: {
      calls: twoCalls,
      input: question,
      output: answer,
      sessionId: "session-7",
      kinds: ["agent", "tool"],
    },
    roots: [
      {
        name: "agent run",
        scope: "pydantic-ai",
        from: 0,
        to: 900,
        attributes: {
          "gen_ai.agent.name": "answerer",
          "gen_ai.operation.name": "invoke_agent",
          "gen_ai.conversation.id": "session-7",
          "gen_ai.usage.input_tokens": 300,
          "gen_ai.usage.output_tokens": 50,
          "pydantic_ai.all_messages": JSON.stringify([
            { role: "user", parts: [{ type: "text", content: question }] },
            { role: "assistant", parts: [{ type: "tool_call", id: "1", name: "look_up", arguments: "{}" }] },
            {
              role: "user",
              parts: [{ type: "tool_call_response", id: "1", name: "look_up", result: "Paris" }],
            },
            { role: "assistant", parts: [{ type: "text", content: answer }] },
          ]),
          final_result: answer,
          "logfire.msg": "answerer run",
        },
        below: [
          call("pydantic-ai", 10, 400, 100, 20),
          {
            name: "running tool",
            scope: "pydantic-ai",
            from: 405,
            to: 408,
            attributes: {
              "gen_ai.operation.name": "execute_tool",
              "gen_ai.tool.name": "look_up",
              "gen_ai.tool.call.arguments": "{}",
              "gen_ai.tool.call.result": "Paris",
            },
          },
          call("pydantic-ai", 410, 800, 200, 30),
        ],
      },
    ],
  },
  {
    id: "springAi/chatClient",
    sdk: "Spring AI (Java)",
    scenario: "A chat client's call in a server",
    truth: {
      calls: [billed(100, 20)],
      input: "POST /ask",
      output: null,
      sessionId: "session-7",
      kinds: ["client"],
    },
    roots: [
      {
        name: "http post /ask",
        scope: "org.springframework.boot",
        from: 0,
        to: 900,
        attributes: { method: "POST", "http.request.method": "POST", "url.path": "/ask" },
        below: [
          {
            name: "spring_ai chat_client",
            scope: "org.springframework.boot",
            from: 5,
            to: 890,
            attributes: {
              "gen_ai.operation.name": "framework",
              "gen_ai.system": "spring_ai",
              "spring.ai.kind": "chat_client",
              "spring.ai.chat.client.conversation.id": "session-7",
            },
            below: [
              {
                ...call("org.springframework.boot", 10, 880, 100, 20),
                attributes: {
                  "gen_ai.operation.name": "chat",
                  "gen_ai.system": "openai",
                  "gen_ai.request.model": "gpt-4o-mini",
                  "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                  "gen_ai.usage.input_tokens": "100",
                  "gen_ai.usage.output_tokens": "20",
                  "gen_ai.usage.total_tokens": "120",
                },
              },
            ],
          },
        ],
      },
    ],
  },
  {
    id: "codex/turn",
    sdk: "OpenAI Codex (Rust)",
    scenario: "A turn of two answers, the second of cached input, that sums them up",
    truth: {
      calls: [
        billed(900, 40, {
          api: "openai.responses",
          model: "o4-mini",
          responseModel: "o4-mini",
          usage: { input: 900, output: 40, reasoning: 30 },
        }),
        billed(1200, 80, {
          api: "openai.responses",
          model: "o4-mini",
          responseModel: "o4-mini",
          usage: { input: 1200, output: 80, cacheRead: 900, reasoning: 50 },
        }),
      ],
      input: question,
      output: answer,
      kinds: ["agent"],
      sessionId: "0199a213-81c0-7800-8aa1-bbab2a035a53",
    },
    roots: [
      {
        name: "session_task.turn",
        scope: "codex_cli_rs",
        from: 0,
        to: 900,
        attributes: {
          "thread.id": "0199a213-81c0-7800-8aa1-bbab2a035a53",
          "turn.id": "1",
          model: "o4-mini",
          "codex.turn.reasoning_effort": "medium",
          "codex.turn.token_usage.input_tokens": 2100,
          "codex.turn.token_usage.cached_input_tokens": 900,
          "codex.turn.token_usage.non_cached_input_tokens": 1200,
          "codex.turn.token_usage.output_tokens": 120,
          "codex.turn.token_usage.reasoning_output_tokens": 80,
          "codex.turn.token_usage.total_tokens": 2220,
        },
        below: [codexAnswer(10, 400, 900, 0, 40, 30), codexAnswer(410, 890, 1200, 900, 80, 50)],
      },
    ],
  },
  {
    id: "strandsPython/anthropic",
    sdk: "Strands Agents (Python)",
    scenario: "An agent on Anthropic, cached input",
    truth: {
      calls: [
        billed(2048, 12, {
          api: "anthropic.messages",
          model: "claude-sonnet-4-5",
          responseModel: "claude-sonnet-4-5-20250929",
          usage: { input: 2048, output: 12, cacheRead: 1536, cacheWrite: 256 },
        }),
      ],
      input: question,
      output: answer,
      kinds: ["agent", "chain"],
    },
    roots: [
      {
        name: "invoke_agent answerer",
        scope: "strands.telemetry.tracer",
        from: 0,
        to: 900,
        attributes: {
          "gen_ai.operation.name": "invoke_agent",
          "gen_ai.system": "strands-agents",
          "gen_ai.agent.name": "answerer",
        },
        below: [
          {
            name: "execute_event_loop_cycle",
            scope: "strands.telemetry.tracer",
            from: 5,
            to: 895,
            attributes: { "event_loop.cycle_id": "83c5e2a6-8a6f-4b43-9d5f-6f9c2b0d3f11" },
            below: [
              {
                name: "chat",
                scope: "strands.telemetry.tracer",
                from: 10,
                to: 890,
                attributes: {
                  "gen_ai.operation.name": "chat",
                  "gen_ai.system": "strands-agents",
                  "gen_ai.request.model": "claude-sonnet-4-5-20250929",
                  "gen_ai.usage.prompt_tokens": 256,
                  "gen_ai.usage.input_tokens": 256,
                  "gen_ai.usage.completion_tokens": 12,
                  "gen_ai.usage.output_tokens": 12,
                  "gen_ai.usage.total_tokens": 268,
                  "gen_ai.usage.cache_read_input_tokens": 1536,
                  "gen_ai.usage.cache_write_input_tokens": 256,
                },
                events: [
                  {
                    name: "gen_ai.user.message",
                    at: 11,
                    attributes: { content: JSON.stringify([{ text: question }]) },
                  },
                  {
                    name: "gen_ai.choice",
                    at: 889,
                    attributes: { finish_reason: "end_turn", message: JSON.stringify([{ text: answer }]) },
                  },
                ],
              },
            ],
          },
        ],
      },
    ],
  },
  {
    id: "mlflow/chat",
    sdk: "MLflow (Python)",
    scenario: "A traced function around a chat, in a session",
    truth: {
      calls: [billed(100, 20)],
      input: question,
      output: answer,
      sessionId: "session-7",
      userId: "user-3",
    },
    roots: [
      {
        name: "answer",
        scope: "mlflow",
        from: 0,
        to: 900,
        attributes: {
          "mlflow.spanType": '"CHAIN"',
          "mlflow.spanInputs": JSON.stringify({ input: question }),
          "mlflow.spanOutputs": JSON.stringify(answer),
          "mlflow.trace.session": "session-7",
          "mlflow.trace.user": "user-3",
        },
        below: [
          {
            name: "Completions",
            scope: "mlflow",
            from: 10,
            to: 890,
            attributes: {
              "mlflow.spanType": '"CHAT_MODEL"',
              "mlflow.spanInputs": JSON.stringify({
                model: "gpt-4o-mini",
                messages: [{ role: "user", content: question }],
              }),
              "mlflow.spanOutputs": JSON.stringify({
                choices: [{ message: { role: "assistant", content: answer } }],
              }),
              "mlflow.chat.tokenUsage": JSON.stringify({
                input_tokens: 100,
                output_tokens: 20,
                total_tokens: 120,
              }),
              "gen_ai.request.model": "gpt-4o-mini",
              "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
              "gen_ai.provider.name": "openai",
            },
          },
        ],
      },
    ],
  },
  {
    id: "openTelemetryPython/events",
    sdk: "opentelemetry-instrumentation-openai-v2 (Python)",
    scenario: "A chat whose messages are span events",
    truth: { calls: [billed(100, 20)], input: question, output: answer },
    roots: [
      {
        ...call("opentelemetry.instrumentation.openai_v2", 0, 900, 100, 20),
        events: [
          { name: "gen_ai.system.message", at: 1, attributes: { content: "Be brief." } },
          { name: "gen_ai.user.message", at: 1, attributes: { content: question } },
          {
            name: "gen_ai.choice",
            at: 899,
            attributes: {
              index: "0",
              finish_reason: "stop",
              message: JSON.stringify({ role: "assistant", content: answer }),
            },
          },
        ],
      },
    ],
  },
  {
    id: "traceloopPython/anthropic",
    sdk: "opentelemetry-instrumentation-anthropic (Python)",
    scenario: "Anthropic messages, cached input, messages flattened into attributes",
    truth: {
      calls: [
        billed(2048, 12, {
          api: "anthropic.messages",
          model: "claude-sonnet-4-5",
          responseModel: "claude-sonnet-4-5-20250929",
          usage: { input: 2048, output: 12, cacheRead: 1536, cacheWrite: 256 },
        }),
      ],
      input: question,
      output: answer,
    },
    roots: [
      {
        name: "anthropic.chat",
        scope: "opentelemetry.instrumentation.anthropic",
        from: 0,
        to: 900,
        attributes: {
          "llm.request.type": "chat",
          "gen_ai.system": "Anthropic",
          "gen_ai.request.model": "claude-sonnet-4-5",
          "gen_ai.response.model": "claude-sonnet-4-5-20250929",
          "gen_ai.prompt.0.role": "system",
          "gen_ai.prompt.0.content": "Be brief.",
          "gen_ai.prompt.1.role": "user",
          "gen_ai.prompt.1.content": JSON.stringify([{ type: "text", text: question }]),
          "gen_ai.completion.0.role": "assistant",
          "gen_ai.completion.0.content": answer,
          "gen_ai.usage.input_tokens": 2048,
          "gen_ai.usage.output_tokens": 12,
          "llm.usage.total_tokens": 2060,
          "gen_ai.usage.cache_read_input_tokens": 1536,
          "gen_ai.usage.cache_creation_input_tokens": 256,
        },
      },
    ],
  },
];

/** Ordered by id. */
export function handMadeFixtures(): readonly Fixture[] {
  return [...arrangements, ...emitters].map(fixtureOf).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function fixtureOf({ id, sdk, scenario, truth, roots, rootLast }: HandMade, index: number): Fixture {
  const spans = spansOf(roots, `${index + 1}`.padStart(32, "e"), "");
  const parts = rootLast === true ? [spans.slice(1), spans.slice(0, 1)] : [spans];
  const failed = truth.failed ?? false;
  return {
    id,
    origin: "handMade",
    sdk,
    with: [],
    scenario,
    truth: {
      input: question,
      output: failed ? null : answer,
      failed,
      sessionId: null,
      userId: null,
      kinds: [],
      firstToken: null,
      ...truth,
    },
    requests: parts.map((part) => ({ encoding: "protobuf", bytes: encodeTraceRequest(part, "protobuf") })),
    spanCount: spans.length,
  };
}

const resource = {
  attributes: new Map([["service.name", "assistant"]]),
  droppedAttributesCount: 0,
  schemaUrl: "",
};

function spansOf(made: readonly HandMadeSpan[], traceId: string, parentSpanId: string): readonly OtlpSpan[] {
  return made.flatMap((span, index) => {
    const spanId = `${parentSpanId.replace(/^0+/, "")}${index + 1}`.padStart(16, "0");
    return [spanOf(span, traceId, spanId, parentSpanId), ...spansOf(span.below ?? [], traceId, spanId)];
  });
}

function spanOf(made: HandMadeSpan, traceId: string, spanId: string, parentSpanId: string): OtlpSpan {
  const at = (milliseconds: number) => START + BigInt(milliseconds) * 1_000_000n;
  return {
    traceId,
    spanId,
    parentSpanId,
    traceState: "",
    flags: 1,
    name: made.name,
    kind: 1,
    startTimeUnixNano: at(made.from),
    endTimeUnixNano: at(made.to),
    attributes: attributesOf(made.attributes ?? {}),
    droppedAttributesCount: 0,
    events: (made.events ?? []).map((event) => ({
      name: event.name,
      timeUnixNano: at(event.at),
      attributes: attributesOf(event.attributes),
      droppedAttributesCount: 0,
    })),
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: { code: made.failed === undefined ? 0 : 2, message: made.failed ?? "" },
    resource,
    scope: {
      name: made.scope,
      version: "1",
      attributes: new Map(),
      droppedAttributesCount: 0,
      schemaUrl: "",
    },
  };
}

function attributesOf(attributes: NonNullable<HandMadeSpan["attributes"]>): Attributes {
  return new Map(
    Object.entries(attributes).map(([key, value]): [string, AttributeValue] => [
      key,
      typeof value === "number" ? BigInt(value) : value,
    ]),
  );
}
