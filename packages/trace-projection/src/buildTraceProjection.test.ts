import { createEventStream } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import type { OtlpSpan } from "@es/otlp";
import { describe, expect, it } from "vitest";
import { buildTraceProjection } from "./buildTraceProjection.js";
import { type ContentLimits, defaultContentLimits } from "./content/contentLimits.js";
import { buildResource, buildScope, buildSpan, type PlainValue, type SpanDraft } from "./demo/spanBuilder.js";
import { createSpanEvent } from "./spanEvent.js";
import type { TraceProjection } from "./traceProjection.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const t0 = 1_780_000_000_000_000_000n;

type Draft = Omit<Partial<SpanDraft>, "start" | "end"> & {
  /** Milliseconds from t0. */
  readonly from?: number;
  readonly to?: number;
};

function span(id: string, draft: Draft = {}): OtlpSpan {
  const { from = 0, to = 100, ...rest } = draft;
  return buildSpan({
    name: id,
    ...rest,
    traceId,
    spanId: id.padStart(16, "0"),
    ...(draft.parentSpanId === undefined ? {} : { parentSpanId: draft.parentSpanId.padStart(16, "0") }),
    start: t0 + BigInt(from * 1e6),
    end: t0 + BigInt(to * 1e6),
  });
}

function project(spans: readonly OtlpSpan[], limits?: Partial<ContentLimits>): TraceProjection {
  const events = spans.map((item, index) => createSpanEvent(item, BigInt(index + 1)));
  return buildTraceProjection(createEventStream(traceId, events), { ...defaultContentLimits, ...limits });
}

const id = (short: string) => short.padStart(16, "0");
const attributes = (record: Readonly<Record<string, PlainValue>>): Draft => ({ attributes: record });

describe("name and root", () => {
  it("takes the earliest root, the smaller span id of two at once", () => {
    const p = project([span("b", { name: "second" }), span("a", { name: "first" }), span("c", { from: 1 })]);
    expect(p).toMatchObject({ name: "first", rootSpanId: id("a"), rootKind: "root" });
  });

  it("a root that comes last still names the trace, though a child started earlier", () => {
    const p = project([
      span("c", { parentSpanId: "a", from: 0, name: "child" }),
      span("a", { from: 5, name: "root" }),
    ]);
    expect(p).toMatchObject({ name: "root", rootKind: "root" });
  });

  it("takes the earliest orphan while the root is missing", () => {
    const p = project([
      span("c", { parentSpanId: "b", from: 1 }),
      span("b", { parentSpanId: "f0", from: 3, name: "orphan" }),
    ]);
    expect(p).toMatchObject({ name: "orphan", rootSpanId: id("b"), rootKind: "orphan" });
  });

  it("takes the earliest span of a cycle, and says there is no root", () => {
    const p = project([
      span("a", { parentSpanId: "b", from: 2, name: "later" }),
      span("b", { parentSpanId: "a", from: 1, name: "earlier" }),
    ]);
    expect(p).toMatchObject({
      name: "earlier",
      rootSpanId: null,
      rootKind: "none",
      flags: { cyclicSpans: 2 },
    });
  });

  it("a span that is its own parent is a cycle of one", () => {
    const p = project([span("a", { parentSpanId: "a", ...attributes({ "gen_ai.usage.input_tokens": 5 }) })]);
    expect(p).toMatchObject({ rootKind: "none", flags: { cyclicSpans: 1 }, usage: { inputTokens: 5 } });
  });

  it("in a cycle no span goes before others for input and output", () => {
    const io = (record: Readonly<Record<string, PlainValue>>) => ({
      "openinference.span.kind": "TOOL",
      ...record,
    });
    const p = project([
      span("a", {
        parentSpanId: "b",
        to: 10,
        attributes: io({ "input.value": "tool", "output.value": "tool" }),
      }),
      span("b", {
        parentSpanId: "a",
        from: 1,
        attributes: { "input.value": "b in", "output.value": "b out" },
      }),
    ]);
    expect([p.rootKind, p.input?.text, p.output?.text]).toEqual(["none", "b in", "b out"]);
  });
});

describe("times", () => {
  it("are exact to the nanosecond", () => {
    const p = project([
      { ...span("a"), startTimeUnixNano: t0 + 1n, endTimeUnixNano: t0 + 1_000_000_003n },
      {
        ...span("b", { parentSpanId: "a" }),
        startTimeUnixNano: t0 + 7n,
        endTimeUnixNano: t0 + 1_000_000_010n,
      },
    ]);
    expect(p).toMatchObject({
      startTimeUnixNano: "1780000000000000001",
      endTimeUnixNano: "1780000001000000010",
      durationNano: "1000000009",
    });
  });

  it("keep a negative duration and flag it", () => {
    const p = project([span("a", { from: 10, to: 4 })]);
    expect(p).toMatchObject({ durationNano: "-6000000", flags: { negativeDurations: 1 } });
  });

  it("leave out zero timestamps and flag them; their spans come last", () => {
    const p = project([
      { ...span("a", { name: "no start" }), startTimeUnixNano: 0n },
      span("b", { name: "timed", from: 5, to: 6 }),
      { ...span("c", { parentSpanId: "b", from: 6 }), endTimeUnixNano: 0n },
    ]);
    expect(p).toMatchObject({
      name: "timed",
      startTimeUnixNano: String(t0 + 5_000_000n),
      endTimeUnixNano: String(t0 + 100_000_000n),
      flags: { zeroTimestamps: 2, negativeDurations: 0 },
    });
  });

  it("a trace without any time is at zero", () => {
    const p = project([{ ...span("a"), startTimeUnixNano: 0n, endTimeUnixNano: 0n }]);
    expect(p).toMatchObject({ startTimeUnixNano: "0", endTimeUnixNano: "0", durationNano: "0" });
  });

  it("a span that has not ended lasts until the latest known instant", () => {
    const p = project([{ ...span("a"), endTimeUnixNano: 0n }]);
    expect(p).toMatchObject({ endTimeUnixNano: String(t0), durationNano: "0", flags: { zeroTimestamps: 1 } });
  });
});

describe("input and output", () => {
  const messages = (text: string) =>
    JSON.stringify([{ role: "user", parts: [{ type: "text", content: text }] }]);

  it("come from the root if it has them", () => {
    const p = project([
      span("a", attributes({ "input.value": "root in", "output.value": "root out" })),
      span("b", {
        parentSpanId: "a",
        from: 1,
        ...attributes({ "gen_ai.input.messages": messages("inner") }),
      }),
    ]);
    expect(p.input).toEqual({ text: "root in" });
    expect(p.output).toEqual({ text: "root out" });
    expect(p.provenance.input).toEqual({
      spanId: id("a"),
      key: "input.value",
      ruleId: "openinference.input-value",
    });
  });

  it("else from the earliest span with an input, and the last-ending one with an output; tools last", () => {
    const io = (name: string) => attributes({ "input.value": `${name} in`, "output.value": `${name} out` });
    const p = project([
      span("a"),
      span("b", {
        parentSpanId: "a",
        from: 1,
        to: 99,
        attributes: {
          "openinference.span.kind": "TOOL",
          "input.value": "tool in",
          "output.value": "tool out",
        },
      }),
      span("c", { parentSpanId: "a", from: 2, to: 60, ...io("early") }),
      span("d", { parentSpanId: "a", from: 3, to: 50, ...io("late") }),
    ]);
    expect([p.input?.text, p.output?.text]).toEqual(["early in", "early out"]);
  });

  it("a tool's are better than none", () => {
    const p = project([
      span("a"),
      span("b", {
        parentSpanId: "a",
        attributes: { "ai.operationId": "ai.toolCall", "ai.toolCall.args": "{}", "ai.toolCall.result": "7" },
      }),
    ]);
    expect([p.input?.text, p.output?.text]).toEqual(["{}", "7"]);
  });

  it("METHOD target gives way to a value that means something", () => {
    const http = { "http.request.method": "POST", "url.path": "/chat" };
    const root = span("a", attributes(http));
    expect(project([root]).input).toEqual({ text: "POST /chat" });
    expect(
      project([root, span("b", { parentSpanId: "a", ...attributes({ "input.value": "Hi" }) })]).input?.text,
    ).toBe("Hi");
  });

  it("zero, false and the empty string are values", () => {
    expect(project([span("a", attributes({ "input.value": "" }))]).input).toEqual({ text: "" });
    expect(project([span("a", attributes({ "output.value": false }))]).output?.text).toBe("false");
    expect(project([span("a", attributes({ "output.value": 0 }))]).output?.text).toBe("0");
  });

  it("OTel GenAI: JSON messages with system instructions", () => {
    const p = project([
      span(
        "a",
        attributes({
          "gen_ai.operation.name": "chat",
          "gen_ai.system_instructions": '[{"type":"text","content":"Be brief."}]',
          "gen_ai.input.messages": JSON.stringify([
            { role: "user", parts: [{ type: "text", content: "First" }] },
            { role: "assistant", parts: [{ type: "tool_call", id: "1", name: "f", arguments: {} }] },
            { role: "tool", parts: [{ type: "tool_call_response", id: "1", response: "rainy" }] },
          ]),
          "gen_ai.output.messages": JSON.stringify([
            {
              role: "assistant",
              parts: [
                { type: "reasoning", content: "hidden" },
                { type: "text", content: "It rains." },
              ],
              finish_reason: "stop",
            },
          ]),
        }),
      ),
    ]);
    expect(p.input?.text).toBe("First");
    expect(p.input?.messages).toHaveLength(4);
    expect(p.input?.messages?.[0]).toEqual({
      role: "system",
      parts: [{ type: "text", content: "Be brief." }],
    });
    expect(p.output?.text).toBe("It rains.");
  });

  it("OTel GenAI: structured messages", () => {
    const p = project([
      span(
        "a",
        attributes({
          "gen_ai.input.messages": [
            { role: "user", parts: [{ type: "text", content: "Hallo" }], n: 9_007_199_254_740_993n },
          ],
        }),
      ),
    ]);
    expect(p.input).toEqual({
      text: "Hallo",
      messages: [{ role: "user", parts: [{ type: "text", content: "Hallo" }], n: "9007199254740993" }],
    });
  });

  it("OTel GenAI: the older events, body in one attribute or in several", () => {
    const p = project([
      span("a", {
        events: [
          { name: "gen_ai.system.message", at: t0, attributes: { content: "Be kind." } },
          { name: "gen_ai.user.message", at: t0, attributes: { "gen_ai.event.content": '{"content":"Hi"}' } },
          {
            name: "gen_ai.choice",
            at: t0,
            attributes: {
              index: 0,
              finish_reason: "stop",
              message: '{"role":"assistant","content":"Hello"}',
            },
          },
        ],
      }),
    ]);
    expect(p.input).toEqual({
      text: "Hi",
      messages: [
        { role: "system", content: "Be kind." },
        { role: "user", content: "Hi" },
      ],
    });
    expect(p.output?.text).toBe("Hello");
  });

  it("OTel GenAI: content events, and the event with the operation's details", () => {
    const content = project([
      span("a", {
        events: [
          {
            name: "gen_ai.content.prompt",
            at: t0,
            attributes: { "gen_ai.prompt": '[{"role":"user","content":"Q"}]' },
          },
          { name: "gen_ai.content.completion", at: t0, attributes: { "gen_ai.completion": "A" } },
        ],
      }),
    ]);
    expect([content.input?.text, content.output?.text]).toEqual(["Q", "A"]);
    const details = project([
      span("a", {
        events: [
          {
            name: "gen_ai.client.inference.operation.details",
            at: t0,
            attributes: { "gen_ai.input.messages": messages("Q2"), "gen_ai.output.messages": messages("A2") },
          },
        ],
      }),
    ]);
    expect([details.input?.text, details.output?.text]).toEqual(["Q2", "A2"]);
  });

  it("OpenInference: indexed messages with gaps, different keys and parts", () => {
    const p = project([
      span(
        "a",
        attributes({
          "openinference.span.kind": "LLM",
          "input.value": '{"messages":[]}',
          "llm.input_messages.10.message.role": "user",
          "llm.input_messages.10.message.contents.0.message_content.type": "text",
          "llm.input_messages.10.message.contents.0.message_content.text": "What is this?",
          "llm.input_messages.10.message.contents.1.message_content.type": "image",
          "llm.input_messages.2.message.role": "system",
          "llm.input_messages.2.message.content": "Look closely.",
          "llm.output_messages.0.message.role": "assistant",
          "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "zoom",
        }),
      ),
    ]);
    expect(p.input?.text).toBe("What is this?");
    expect(p.input?.messages?.map((message) => (message as { role: string }).role)).toEqual([
      "system",
      "user",
    ]);
    expect(JSON.parse(p.output?.text ?? "")).toMatchObject({
      tool_calls: [{ tool_call: { function: { name: "zoom" } } }],
    });
  });

  it("OpenInference: LangChain's serialized message lists", () => {
    const p = project([
      span(
        "a",
        attributes({
          "input.value": JSON.stringify({
            messages: [
              [
                {
                  lc: 1,
                  type: "constructor",
                  id: ["langchain", "schema", "messages", "HumanMessage"],
                  kwargs: { content: "How far is the moon?", type: "human" },
                },
              ],
            ],
          }),
          "input.mime_type": "application/json",
        }),
      ),
    ]);
    expect(p.input).toMatchObject({ text: "How far is the moon?", mimeType: "application/json" });
  });

  it("OpenLLMetry: indexed prompts and completions, and the entity's", () => {
    const p = project([
      span("a", attributes({ "traceloop.span.kind": "workflow", "traceloop.entity.output": '"done"' })),
      span("b", {
        parentSpanId: "a",
        attributes: {
          "gen_ai.prompt.0.role": "user",
          "gen_ai.prompt.0.content": "Write a haiku.",
          "gen_ai.completion.0.role": "assistant",
          "gen_ai.completion.0.content": "Snow on the keyboard",
        },
      }),
    ]);
    expect([p.input?.text, p.output?.text]).toEqual(["Write a haiku.", "done"]);
  });

  it("Vercel AI SDK: prompt object outside, messages inside, tool calls when there is no text", () => {
    const outer = project([
      span("a", attributes({ "ai.prompt": '{"system":"S","prompt":"P"}', "ai.response.text": "R" })),
    ]);
    expect([outer.input?.text, outer.output?.text]).toEqual(["P", "R"]);
    expect(outer.input?.messages).toHaveLength(2);
    const inner = project([
      span(
        "a",
        attributes({
          "ai.prompt.messages": '[{"role":"user","content":[{"type":"text","text":"M"}]}]',
          "ai.response.text": "",
          "ai.response.toolCalls": '[{"toolName":"t"}]',
        }),
      ),
    ]);
    expect([inner.input?.text, inner.output?.text]).toEqual(["M", '[{"toolName":"t"}]']);
  });

  it("broken JSON falls back to the raw text, flagged", () => {
    const broken = '[{"role":"user","parts":[{"type":"text","content":"cut of';
    const p = project([span("a", attributes({ "gen_ai.input.messages": broken }))]);
    expect(p.input).toEqual({ text: broken, unparsed: true });
    expect(p.flags.unparsed).toEqual(["input"]);
  });

  it("JSON nested beyond reason neither throws nor survives", () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    const p = project([span("a", attributes({ "input.value": deep, metadata: `{"a":${deep}}` }))]);
    expect(p.input?.text).toHaveLength(65_536);
    expect(canonicalJson(p)).toContain("nested too deeply");
  });

  const only = (record: Readonly<Record<string, PlainValue>>) => project([span("a", attributes(record))]);

  it("Vercel AI SDK: what it encodes as JSON is decoded, and flagged where it was cut off", () => {
    expect(only({ "ai.value": '"sunny day"' }).input).toEqual({ text: "sunny day" });
    const tool = only({
      "ai.operationId": "ai.toolCall",
      "ai.toolCall.args": '{"a":1}',
      "ai.toolCall.result": '"rainy"',
    });
    expect(tool.input).toEqual({ text: '{"a":1}', mimeType: "application/json" });
    expect(tool.output).toEqual({ text: "rainy" });
    expect(only({ "ai.response.object": '"spam"' }).output).toEqual({ text: "spam" });
    expect(only({ "ai.prompt": '{"prompt":"What is' }).input).toEqual({
      text: '{"prompt":"What is',
      unparsed: true,
    });
  });

  it("Vercel AI SDK: an empty text gives way to what the step did, and says where that was found", () => {
    const calls = '[{"toolCallId":"1","toolName":"t","input":{}}]';
    const p = only({ "ai.response.text": "", "ai.response.toolCalls": calls });
    expect(p.output?.text).toBe(calls);
    expect(p.provenance.output?.key).toBe("ai.response.toolCalls");
    expect(only({ "ai.response.text": "", "ai.response.toolCalls": "[]" }).output).toEqual({ text: "" });
  });

  it("Vercel AI SDK 6: system instructions that are a message themselves", () => {
    const p = only({
      "ai.prompt": '{"system":{"role":"system","content":"S"},"messages":[{"role":"user","content":"Q"}]}',
    });
    expect(p.input).toEqual({
      text: "Q",
      messages: [
        { role: "system", content: "S" },
        { role: "user", content: "Q" },
      ],
    });
  });

  it("JSON numbers, booleans and null are JSON", () => {
    for (const value of ["42", "true", "null", " 1.5"]) {
      expect(only({ "traceloop.entity.output": value }).output).toEqual({ text: value });
      expect(only({ "output.value": value, "output.mime_type": "application/json" }).flags.unparsed).toEqual(
        [],
      );
    }
  });

  it("OpenLLMetry: content parts that were put into the attribute as JSON", () => {
    const p = only({
      "gen_ai.prompt.0.role": "user",
      "gen_ai.prompt.0.content":
        '[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"x"}}]',
      "gen_ai.completion.0.role": "assistant",
      "gen_ai.completion.0.content": '[{"name":"not","value":"parts"}]',
    });
    expect(p.input?.text).toBe("What is this?");
    expect(p.output?.text).toBe('[{"name":"not","value":"parts"}]');
  });

  it("OpenLLMetry: the messages of a LangGraph run", () => {
    const p = only({
      "traceloop.entity.input": '{"inputs":{"messages":[["user","Hi"]]},"tags":[],"metadata":{}}',
      "traceloop.entity.output":
        '{"outputs":{"messages":[{"type":"human","content":"Hi"},{"type":"ai","content":"Hello"}]},"kwargs":{}}',
    });
    expect([p.input?.text, p.output?.text]).toEqual(["Hi", "Hello"]);
  });

  it("an agent's turns are a conversation, several choices are not", () => {
    const turn = (role: string, content: string) => ({ role, parts: [{ type: "text", content }] });
    const output = (...list: readonly PlainValue[]) =>
      only({ "gen_ai.output.messages": JSON.stringify(list) }).output?.text;
    expect(output(turn("assistant", "one choice"), turn("assistant", "another"))).toBe("one choice");
    expect(output(turn("assistant", "Let me look."), turn("tool", "7"), turn("assistant", "It is 7."))).toBe(
      "It is 7.",
    );
  });

  it("thoughts and the doings of tools are not what was said", () => {
    const said = (...parts: readonly PlainValue[]) =>
      only({ "gen_ai.output.messages": JSON.stringify([{ role: "assistant", content: parts }]) }).output
        ?.text;
    expect(
      said(
        { type: "redacted-reasoning", text: "no" },
        { text: "no", thought: true },
        { type: "mcp_tool_result", content: [{ type: "text", text: "no" }] },
        { type: "output_text", text: "yes" },
      ),
    ).toBe("yes");
    const user = [
      { role: "user", content: "The question" },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "1", content: "no" }] },
    ];
    expect(only({ "gen_ai.input.messages": JSON.stringify(user) }).input?.text).toBe("The question");
  });

  it("LangChain's message dictionaries are messages; tool calls and documents are none", () => {
    const dicts = '[{"type":"human","data":{"content":"Q"}},{"type":"ai","data":{"content":"A"}}]';
    expect([
      only({ "input.value": dicts }).input?.text,
      only({ "output.value": dicts }).output?.text,
    ]).toEqual(["Q", "A"]);
    for (const value of [
      '[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]',
      '[{"lc":1,"type":"constructor","id":["langchain","Document"],"kwargs":{"page_content":"P"}}]',
    ]) {
      expect(only({ "output.value": value }).output).toEqual({ text: value, mimeType: "application/json" });
    }
  });

  it("an agent's instructions don't hide what its calls were asked", () => {
    const agent = span(
      "a",
      attributes({ "gen_ai.system_instructions": '[{"type":"text","content":"Be brief."}]' }),
    );
    const call = span("b", { parentSpanId: "a", ...attributes({ "gen_ai.input.messages": messages("Q") }) });
    expect(project([agent, call]).input?.text).toBe("Q");
    expect(project([agent]).input?.text).toContain("Be brief.");
  });

  it("an empty message list is no value", () => {
    const root = span("a", attributes({ "gen_ai.input.messages": "[]" }));
    expect(project([root]).input).toBeNull();
    const call = span("b", { parentSpanId: "a", ...attributes({ "gen_ai.input.messages": messages("Q") }) });
    expect(project([root, call]).input?.text).toBe("Q");
  });

  it("what JSON cannot hold is not in a projection", () => {
    const p = only({
      "gen_ai.input.messages": '[{"role":"user","content":"Q","n":1e999,"z":-0}]',
      metadata: '{"n":-0}',
    });
    expect(p.input?.messages).toEqual([{ role: "user", content: "Q", n: "Infinity", z: 0 }]);
    expect(p.metadata).toEqual({ n: 0 });
  });

  it("of several spans whose parent never came none speaks for the others; a sole one does", () => {
    const io = (name: string) => ({ "input.value": `${name} in`, "output.value": `${name} out` });
    const guard = span("b", {
      parentSpanId: "f0",
      attributes: { "openinference.span.kind": "GUARDRAIL", ...io("guard") },
    });
    const plan = span("c", { parentSpanId: "f0", from: 1, to: 10, attributes: io("plan") });
    const answer = span("d", { parentSpanId: "f0", from: 11, to: 20, attributes: io("answer") });
    const p = project([guard, plan, answer]);
    expect([p.name, p.rootKind, p.input?.text, p.output?.text]).toEqual([
      "b",
      "orphan",
      "plan in",
      "answer out",
    ]);
    const sole = project([
      span("a", { parentSpanId: "f0", to: 10, attributes: io("agent") }),
      span("b", { parentSpanId: "a", to: 20, attributes: io("call") }),
    ]);
    expect([sole.input?.text, sole.output?.text]).toEqual(["agent in", "agent out"]);
  });

  it("OpenInference: prompts and choices of a text completion", () => {
    const p = only({
      "llm.prompts.0.prompt.text": "Once upon",
      "input.value": '{"model":"m","prompt":"Once upon"}',
      "llm.choices.0.completion.text": " a time",
    });
    expect([p.input?.text, p.output?.text]).toEqual(["Once upon", " a time"]);
  });
});

describe("limits", () => {
  it("keep whole what fits and say how much was cut of what does not", () => {
    const fits = project([span("a", attributes({ "input.value": "x".repeat(65_536) }))]);
    expect(fits).toMatchObject({ truncated: false, flags: { cuts: {} } });
    const long = project([span("a", attributes({ "input.value": "x".repeat(65_537) }))]);
    expect(long.input?.text).toHaveLength(65_536);
    expect(long.input?.cut).toEqual({ keptCharacters: 65_536, totalCharacters: 65_537 });
    expect(long).toMatchObject({
      truncated: true,
      flags: { cuts: { "input.text": { kept: 65_536, total: 65_537 } } },
    });
  });

  it("never split a surrogate pair", () => {
    const p = project([span("a", attributes({ "input.value": "ab😀cd" }))], { textCharacters: 3 });
    expect(p.input?.text).toBe("ab");
    expect(p.input?.text.isWellFormed()).toBe(true);
  });

  it("keep the newest messages of an input and the first of an output", () => {
    const list = JSON.stringify(
      Array.from({ length: 5 }, (_, n) => ({ role: "user", content: `${n}`.repeat(40) })),
    );
    const p = project([span("a", attributes({ "input.value": list, "output.value": list }))], {
      messagesCharacters: 200,
    });
    const contents = (side: "input" | "output") =>
      p[side]?.messages?.map((message) => (message as { content?: string }).content?.[0]);
    expect(contents("input")?.slice(-2)).toEqual(["3", "4"]);
    expect(contents("output")?.slice(0, 2)).toEqual(["0", "1"]);
    expect(p.input?.cut?.totalMessages).toBe(5);
    expect(p.flags.cuts["input.messages"]?.total).toBe(5);
  });

  it("shorten pictures first, so that the question and the instructions stay, and say so", () => {
    const picture = `data:image/png;base64,${"iVBORw0KGgoAAAANSUhEUg".repeat(20_000)}`;
    const list = JSON.stringify([
      { role: "system", content: "Answer in one sentence." },
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: picture } },
          { type: "text", text: "Which animal is this?" },
        ],
      },
    ]);
    const p = project([span("a", attributes({ "input.value": list, "output.value": `A cat: ${picture}` }))]);
    const note = `[left out: image/png, ${picture.length} characters]`;
    expect(p.input).toMatchObject({
      text: "Which animal is this?",
      messages: [
        { role: "system", content: "Answer in one sentence." },
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: note } },
            { type: "text", text: "Which animal is this?" },
          ],
        },
      ],
      cut: { keptMessages: 2, totalMessages: 2, shortenedValues: 1 },
    });
    expect(p.output?.text).toBe(`A cat: ${note}`);
    expect(p.truncated).toBe(true);
    expect(p.flags.cuts).toEqual({
      "input.messages.values": { kept: note.length, total: picture.length },
      "output.text": { kept: `A cat: ${note}`.length, total: `A cat: ${picture}`.length },
    });
  });

  it("bound tags, metadata, and distinct values", () => {
    const p = project(
      [
        span(
          "a",
          attributes({
            "tag.tags": ["a", "b", "c"],
            metadata: '{"k1":"v","k2":"v","k3":"vvvvvvvvvvvvvvvvvvvv"}',
          }),
        ),
      ],
      { tags: 2, metadataKeys: 2, valueCharacters: 10 },
    );
    expect(p.tags).toEqual(["a", "b"]);
    expect(p.metadata).toEqual({ k1: "v", k2: "v" });
    expect(p.flags.cuts).toMatchObject({ tags: { kept: 2, total: 3 }, metadata: { kept: 2, total: 3 } });
  });
});

describe("usage is counted once", () => {
  const tokens = (input: number, output: number) => ({
    "gen_ai.usage.input_tokens": input,
    "gen_ai.usage.output_tokens": output,
  });

  it("a roll-up on the parent adds nothing, more than the children adds the remainder", () => {
    const children = [
      span("b", { parentSpanId: "a", ...attributes(tokens(100, 10)) }),
      span("c", { parentSpanId: "a", ...attributes(tokens(50, 5)) }),
    ];
    const rolledUp = project([span("a", attributes(tokens(150, 15))), ...children]);
    expect(rolledUp.usage).toMatchObject({ inputTokens: 150, outputTokens: 15, totalTokens: 165 });
    const more = project([span("a", attributes(tokens(170, 15))), ...children]);
    expect(more.usage).toMatchObject({ inputTokens: 170, outputTokens: 15, totalTokens: 185 });
  });

  it("through levels: grandparent, parent and child over one call", () => {
    const p = project([
      span("a", attributes(tokens(100, 10))),
      span("b", { parentSpanId: "a" }),
      span("c", { parentSpanId: "b", ...attributes(tokens(100, 10)) }),
      span("d", { parentSpanId: "c", ...attributes(tokens(100, 10)) }),
    ]);
    expect(p.usage).toMatchObject({ inputTokens: 100, outputTokens: 10, totalTokens: 110 });
  });

  it("Vercel AI SDK: outer without and inner with cache details", () => {
    const p = project([
      span("a", attributes({ "ai.usage.inputTokens": 100, "ai.usage.outputTokens": 20 })),
      span("b", {
        parentSpanId: "a",
        attributes: {
          "ai.usage.inputTokens": 100,
          "ai.usage.outputTokens": 20,
          "ai.usage.cachedInputTokens": 80,
          "gen_ai.usage.input_tokens": 100,
        },
      }),
    ]);
    expect(p.usage).toEqual({
      inputTokens: 100,
      outputTokens: 20,
      totalTokens: 120,
      cacheReadTokens: 80,
      cacheWriteTokens: 0,
      reasoningTokens: 0,
    });
  });

  it("a total alone is explained by its children's classes", () => {
    const p = project([
      span("a", attributes({ "llm.usage.total_tokens": 165 })),
      span("b", { parentSpanId: "a", ...attributes(tokens(150, 15)) }),
    ]);
    expect(p.usage.totalTokens).toBe(165);
  });

  it("input with cached tokens in it is split, raw Anthropic input is not", () => {
    const otel = project([
      span("a", attributes({ ...tokens(1_000, 1), "gen_ai.usage.cache_read.input_tokens": 900 })),
    ]);
    expect(otel.usage).toMatchObject({ inputTokens: 1_000, cacheReadTokens: 900 });
    const raw = {
      "gen_ai.system": "Anthropic",
      "gen_ai.usage.prompt_tokens": 1_000,
      "gen_ai.usage.cache_read_input_tokens": 900,
      "gen_ai.usage.cache_creation_input_tokens": 50,
    };
    expect(project([span("a", attributes(raw))]).usage).toMatchObject({
      inputTokens: 1_950,
      cacheReadTokens: 900,
      cacheWriteTokens: 50,
    });
    const python = { scope: buildScope("opentelemetry.instrumentation.anthropic", "0.40") };
    expect(project([span("a", { ...python, ...attributes(raw) })]).usage.inputTokens).toBe(1_000);
    const more = { "gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 900 };
    expect(project([span("a", attributes(more))]).usage.inputTokens).toBe(910);
  });

  it("reasoning is a part of output, also where only the total has it", () => {
    const openai = { ...tokens(10, 50), "gen_ai.usage.reasoning.output_tokens": 40 };
    expect(project([span("a", attributes(openai))]).usage).toMatchObject({
      outputTokens: 50,
      reasoningTokens: 40,
    });
    const gemini = {
      ...tokens(10, 50),
      "gen_ai.usage.reasoning_tokens": 40,
      "gen_ai.usage.total_tokens": 100,
    };
    expect(project([span("a", attributes(gemini))]).usage).toMatchObject({
      outputTokens: 90,
      totalTokens: 100,
      reasoningTokens: 40,
    });
  });

  it("reads int64, doubles and numeric strings; leaves out what is no count", () => {
    const of = (value: PlainValue) =>
      project([span("a", attributes({ "gen_ai.usage.input_tokens": value }))]).usage.inputTokens;
    expect([of(7n), of(7.0), of("7"), of(6.6), of(-7n), of("seven"), of(Number.NaN), of(true)]).toEqual([
      7, 7, 7, 7, 0, 0, 0, 0,
    ]);
    expect(of(2n ** 63n - 1n)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("counts every span of a cycle once", () => {
    const p = project([
      span("a", { parentSpanId: "b", from: 1, ...attributes(tokens(10, 0)) }),
      span("b", { parentSpanId: "a", from: 2, ...attributes(tokens(30, 0)) }),
    ]);
    // Cut above the earlier: b is a's child and explains all of a.
    expect(p.usage.inputTokens).toBe(30);
  });

  it("survives a chain of 100 000 spans", () => {
    const hex = (n: number) => (n + 1).toString(16);
    const chain = Array.from({ length: 100_000 }, (_, n) =>
      span(hex(n), {
        ...(n === 0 ? {} : { parentSpanId: hex(n - 1) }),
        ...attributes(tokens(100_000 - n, 1)),
      }),
    );
    expect(project(chain).usage).toMatchObject({ inputTokens: 100_000, outputTokens: 1 });
  });

  it("the span that says how much was cached is believed, the outer or the inner", () => {
    const plain = { "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20 };
    const cached = {
      ...plain,
      "gen_ai.usage.cache_read.input_tokens": 70,
      "gen_ai.usage.cache_creation.input_tokens": 10,
    };
    const zero = { ...plain, "gen_ai.usage.cache_read.input_tokens": 0 };
    for (const [outer, inner] of [
      [cached, plain],
      [plain, cached],
      [cached, zero],
      [zero, cached],
      [cached, cached],
    ] as const) {
      const p = project([
        span("a", attributes(outer)),
        span("b", { parentSpanId: "a", ...attributes(inner) }),
      ]);
      expect(p.usage).toEqual({
        inputTokens: 100,
        outputTokens: 20,
        totalTokens: 120,
        cacheReadTokens: 70,
        cacheWriteTokens: 10,
        reasoningTokens: 0,
      });
    }
  });

  it("a roll-up that knows the cache over calls of which some do", () => {
    const p = project([
      span("a", attributes({ ...tokens(250, 3), "gen_ai.usage.cache_read.input_tokens": 140 })),
      span("b", { parentSpanId: "a", ...attributes(tokens(100, 1)) }),
      span("c", {
        parentSpanId: "a",
        ...attributes({ ...tokens(100, 1), "gen_ai.usage.cache_read.input_tokens": 80 }),
      }),
    ]);
    expect(p.usage).toMatchObject({ inputTokens: 250, cacheReadTokens: 140, outputTokens: 3 });
  });

  it("two instrumentations over one call, and an SDK over the HTTP client, count once", () => {
    const p = project([
      span(
        "a",
        attributes({
          "llm.token_count.prompt": 100,
          "llm.token_count.completion": 20,
          "llm.token_count.total": 120,
        }),
      ),
      span("b", {
        parentSpanId: "a",
        attributes: {
          "gen_ai.usage.prompt_tokens": 100,
          "gen_ai.usage.completion_tokens": 20,
          "llm.usage.total_tokens": 120,
          "gen_ai.usage.cache_read_input_tokens": 64,
        },
      }),
      span("c", { parentSpanId: "b", ...attributes({ "http.request.method": "POST", ...tokens(100, 20) }) }),
    ]);
    expect(p.usage).toMatchObject({
      inputTokens: 100,
      outputTokens: 20,
      totalTokens: 120,
      cacheReadTokens: 64,
    });
  });

  it("an embedding's tokens are all input", () => {
    const p = project([
      span(
        "a",
        attributes({
          "ai.operationId": "ai.embed",
          "ai.model.id": "text-embedding-3-small",
          "ai.usage.tokens": 1_000,
        }),
      ),
      span("b", {
        parentSpanId: "a",
        attributes: {
          "ai.operationId": "ai.embed.doEmbed",
          "ai.model.id": "text-embedding-3-small",
          "ai.model.provider": "openai.embedding",
          "ai.usage.tokens": 1_000,
        },
      }),
    ]);
    expect(p.usage).toMatchObject({ inputTokens: 1_000, outputTokens: 0, totalTokens: 1_000 });
    expect(p.cost).toMatchObject({ amount: "0.00002", complete: true });
  });

  it("Vercel AI SDK: version 5 passes Anthropic's counts on, version 6 includes the cached", () => {
    const common = {
      "ai.model.provider": "anthropic.messages",
      "ai.usage.inputTokens": 1_000,
      "ai.usage.cachedInputTokens": 900,
    };
    expect(project([span("a", attributes(common))]).usage).toMatchObject({
      inputTokens: 1_900,
      cacheReadTokens: 900,
    });
    const six = {
      ...common,
      "ai.usage.inputTokenDetails.noCacheTokens": 40,
      "ai.usage.inputTokenDetails.cacheReadTokens": 900,
      "ai.usage.inputTokenDetails.cacheWriteTokens": 60,
    };
    expect(project([span("a", attributes(six))]).usage).toMatchObject({
      inputTokens: 1_000,
      cacheReadTokens: 900,
      cacheWriteTokens: 60,
    });
    const openai = { ...common, "ai.model.provider": "openai.responses" };
    expect(project([span("a", attributes(openai))]).usage.inputTokens).toBe(1_000);
  });

  it("raw Anthropic counts are known behind a cloud, OpenAI's interface to Claude is not raw", () => {
    const of = (system: string) =>
      project([
        span(
          "a",
          attributes({
            "gen_ai.system": system,
            "gen_ai.request.model": "anthropic.claude-3-haiku-20240307-v1:0",
            "gen_ai.usage.prompt_tokens": 1_000,
            "gen_ai.usage.cache_read_input_tokens": 900,
          }),
        ),
      ]).usage.inputTokens;
    expect([of("AWS"), of("openai")]).toEqual([1_900, 1_000]);
  });
});

describe("cost", () => {
  const call = (model: string, provider: string, record: Readonly<Record<string, PlainValue>>) =>
    attributes({ "gen_ai.request.model": model, "gen_ai.provider.name": provider, ...record });

  it("is priced per class from the table, to the picodollar, without floats", () => {
    const p = project([
      span(
        "a",
        call("gpt-4o-mini", "openai", { "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1 }),
      ),
    ]);
    expect(p.cost).toEqual({ amount: "0.00000075", currency: "USD", source: "priced", complete: true });
    expect(p.costReason).toBeNull();
    expect(p.priceTableVersion).toMatch(/^@pydantic\/genai-prices@\d/);
    const cached = project([
      span(
        "a",
        call("claude-sonnet-4-20250514", "anthropic", {
          "gen_ai.usage.input_tokens": 10_000,
          "gen_ai.usage.cache_read.input_tokens": 6_000,
          "gen_ai.usage.cache_creation.input_tokens": 3_000,
          "gen_ai.usage.output_tokens": 500,
        }),
      ),
    ]);
    // 1 000 × 3 + 6 000 × 0.30 + 3 000 × 3.75 + 500 × 15 dollars per million
    expect(cached.cost?.amount).toBe("0.02355");
  });

  it("prices by the time of the span and by the tier its request reaches", () => {
    const o3 = (start: bigint) =>
      project([
        {
          ...span("a", call("o3", "openai", { "gen_ai.usage.input_tokens": 1_000_000 })),
          startTimeUnixNano: start,
        },
      ]).cost?.amount;
    expect([o3(1_746_000_000_000_000_000n), o3(t0)]).toEqual(["10", "2"]);
    const gemini = (input: number) =>
      project([span("a", call("gemini-2.5-pro", "gcp.gemini", { "gen_ai.usage.input_tokens": input }))]).cost
        ?.amount;
    expect([gemini(200_000), gemini(400_000)]).toEqual(["0.25", "1"]);
  });

  it("as reported beats the table, zero included, exactly as written", () => {
    const reported = (cost: PlainValue) =>
      project([
        span("a", call("gpt-4o", "openai", { "gen_ai.usage.input_tokens": 9, "gen_ai.usage.cost": cost })),
      ]).cost;
    expect(reported(0)).toEqual({ amount: "0", currency: "USD", source: "reported", complete: true });
    expect(reported(1e-7)?.amount).toBe("0.0000001");
    expect(reported("0.123456789012345")?.amount).toBe("0.123456789012");
    expect(reported(-1)?.source).toBe("priced");
  });

  it("sums doubles as decimals, and parts where there is no total", () => {
    const p = project([
      span("a"),
      span("b", { parentSpanId: "a", ...attributes({ "llm.cost.total": 0.1 }) }),
      span("c", {
        parentSpanId: "a",
        ...attributes({ "llm.cost.prompt": 0.15, "llm.cost.completion": 0.05 }),
      }),
    ]);
    expect(p.cost?.amount).toBe("0.3");
  });

  it("reported on parent and children counts once", () => {
    const p = project([
      span("a", attributes({ "llm.cost.total": 0.5 })),
      span("b", { parentSpanId: "a", ...attributes({ "llm.cost.total": 0.2 }) }),
      span("c", { parentSpanId: "a", ...call("nobody-knows", "x", { "gen_ai.usage.input_tokens": 5 }) }),
    ]);
    expect(p.cost).toEqual({ amount: "0.5", currency: "USD", source: "reported", complete: true });
  });

  it("is absent with a reason, never 0, when it cannot be known", () => {
    expect(project([span("a")])).toMatchObject({ cost: null, costReason: "no-usage" });
    expect(
      project([span("a", call("nobody-knows", "openai", { "gen_ai.usage.input_tokens": 5 }))]),
    ).toMatchObject({
      cost: null,
      costReason: "unknown-model",
      unpricedModels: ["nobody-knows"],
      priceTableVersion: null,
    });
    expect(project([span("a", attributes({ "gen_ai.usage.input_tokens": 5 }))])).toMatchObject({
      cost: null,
      costReason: "no-model",
    });
    const partly = project([
      span("a", call("gpt-4o", "openai", { "gen_ai.usage.input_tokens": 400_000 })),
      span("b", { from: 1, ...call("nobody-knows", "openai", { "gen_ai.usage.input_tokens": 5 }) }),
    ]);
    expect(partly.cost).toMatchObject({ amount: "1", complete: false });
    expect(partly.costReason).toBe("unknown-model");
  });

  it("a provider that the table does not know is priced as the model's sole maker, and says so", () => {
    const of = (model: string, provider: string) =>
      project([span("a", call(model, provider, { "gen_ai.usage.input_tokens": 400_000 }))]).cost;
    expect(of("gpt-4o", "my-framework")).toEqual({
      amount: "1",
      currency: "USD",
      source: "priced",
      complete: true,
      assumedProviders: ["openai"],
    });
    for (const provider of ["litellm", "openai.chat"]) {
      expect(of("gpt-4o", provider)).toMatchObject({ amount: "1", complete: true });
      expect(of("gpt-4o", provider)?.assumedProviders).toBeUndefined();
    }
    // Somebody's own machines, models whose weights anybody has, and a known provider that does not sell it.
    expect(of("gpt-4o", "hosted_vllm")).toBeNull();
    expect(of("gpt-4o", "openai-compatible")).toBeNull();
    expect(of("gpt-4o", "acme.chat")).toBeNull();
    expect(of("acme/gpt-4o", "my-framework")).toBeNull();
    expect(of("gpt-oss-120b", "my-framework")).toBeNull();
    expect(of("deepseek-chat", "my-framework")).toBeNull();
    expect(of("gpt-4o", "groq")).toBeNull();
  });

  describe("is complete only where every token has its price", () => {
    const costOf = (model: string, provider: string, attributes: Readonly<Record<string, PlainValue>>) => {
      const { cost, costReason, unpricedModels } = project([span("a", call(model, provider, attributes))]);
      return { amount: cost?.amount, complete: cost?.complete, costReason, unpricedModels };
    };
    const used = { "gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 100_000 };

    it("tokens of the total that no class has are not priced", () => {
      const total = { ...used, "llm.usage.total_tokens": 1_500_000 };
      expect(costOf("gpt-4o", "openai", total)).toEqual({
        amount: "3.5",
        complete: false,
        costReason: "unclassed-tokens",
        unpricedModels: [],
      });
      // Where they are named, they are output.
      const named = { ...total, "gen_ai.usage.reasoning.output_tokens": 400_000 };
      expect(costOf("gpt-4o", "openai", named)).toMatchObject({ amount: "7.5", complete: true });
    });

    it("audio has a price of its own, or none", () => {
      const audio = {
        "gen_ai.usage.input_tokens": 1_000_000,
        "gen_ai.usage.details.input_audio_tokens": 1_000_000,
      };
      expect(costOf("gemini-2.0-flash", "google", audio)).toMatchObject({ amount: "0.7", complete: true });
      expect(costOf("gpt-4o", "openai", audio)).toMatchObject({
        amount: "2.5",
        complete: false,
        costReason: "no-class-price",
      });
    });

    it("cache writes for an hour cost more than those for five minutes", () => {
      const write = {
        "gen_ai.usage.input_tokens": 100_000,
        "gen_ai.usage.cache_creation.input_tokens": 100_000,
      };
      const hour = { ...write, "gen_ai.usage.details.ephemeral_1h_input_tokens": 40_000 };
      // 0.06 M × 3.75 + 0.04 M × 6
      expect(costOf("claude-sonnet-4-5", "anthropic", write)).toMatchObject({
        amount: "0.375",
        complete: true,
      });
      expect(costOf("claude-sonnet-4-5", "anthropic", hour)).toMatchObject({
        amount: "0.465",
        complete: true,
      });
    });

    it.each([
      ["gen_ai.openai.response.service_tier", "flex"],
      ["openai.response.service_tier", "priority"],
      ["gen_ai.request.service_tier", "batch"],
      ["llm.invocation_parameters", '{"service_tier":"flex"}'],
      ["ai.response.providerMetadata", '{"openai":{"serviceTier":"priority"}}'],
      ["ai.response.providerMetadata", '{"anthropic":{"usage":{"service_tier":"batch"}}}'],
    ])("%s of %s has other prices", (key, tier) => {
      expect(costOf("gpt-4o", "openai", { ...used, [key]: tier })).toMatchObject({
        amount: "3.5",
        complete: false,
        costReason: "service-tier",
      });
    });

    it("what answered by the standard tier is complete, whatever was asked for", () => {
      const tiers = {
        "gen_ai.openai.request.service_tier": "flex",
        "gen_ai.openai.response.service_tier": "default",
      };
      expect(costOf("gpt-4o", "openai", { ...used, ...tiers })).toMatchObject({
        complete: true,
        costReason: null,
      });
    });
  });

  it("the model that answered is priced, not the one that was asked for", () => {
    const of = (response: string) =>
      project([
        span(
          "a",
          call("gpt-4o", "openai", {
            "gen_ai.response.model": response,
            "gen_ai.usage.input_tokens": 1_000_000,
          }),
        ),
      ]);
    expect(of("gpt-4o-mini")).toMatchObject({ models: ["gpt-4o-mini"], cost: { amount: "0.15" } });
    expect(of("house-model")).toMatchObject({
      models: ["house-model"],
      cost: null,
      costReason: "unknown-model",
      unpricedModels: ["house-model"],
    });
  });

  it.each([
    ["openai/gpt-4o", "openai", "2.5"],
    ["gemini/gemini-2.5-pro", "gemini", "2.5"],
    ["models/gemini-2.5-pro", "gcp.gemini", "2.5"],
    ["projects/p/locations/us/publishers/google/models/gemini-2.5-pro", "gcp.vertex_ai", "2.5"],
    ["anthropic/claude-haiku-4-5", "anthropic", "1"],
    ["anthropic/claude-haiku-4-5", "my-framework", "1"],
    ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", "3.3"],
  ])("%s of %s is priced by what its name says", (model, provider, amount) => {
    const { cost } = project([span("a", call(model, provider, { "gen_ai.usage.input_tokens": 1_000_000 }))]);
    expect(cost).toMatchObject({ amount, complete: true });
  });

  it("the cached tokens only the outer span knows of are priced as cached", () => {
    const plain = { "gen_ai.usage.input_tokens": 1_000_000 };
    const cached = { ...plain, "gen_ai.usage.cache_read.input_tokens": 800_000 };
    const of = (outer: Readonly<Record<string, PlainValue>>, inner: Readonly<Record<string, PlainValue>>) =>
      project([
        span("a", call("gpt-4o", "openai", outer)),
        span("b", { parentSpanId: "a", ...call("gpt-4o", "openai", inner) }),
      ]).cost;
    // 200 000 × 2.50 + 800 000 × 1.25 dollars per million
    expect(of(cached, plain)).toEqual({ amount: "1.5", currency: "USD", source: "priced", complete: true });
    expect(of(plain, cached)).toEqual(of(cached, plain));
    const unknownBelow = project([
      span("a", call("gpt-4o", "openai", cached)),
      span("b", { parentSpanId: "a", ...call("nobody-knows", "x", plain) }),
    ]);
    expect(unknownBelow.cost).toMatchObject({ amount: "0", complete: false });
  });

  it("a reported cost stands for what happens below it, whatever the table says", () => {
    const child = span("b", {
      parentSpanId: "a",
      ...call("gpt-4o", "openai", { "gen_ai.usage.input_tokens": 400_000 }),
    });
    for (const cost of [0, 0.25]) {
      const p = project([span("a", attributes({ "gen_ai.usage.cost": cost })), child]);
      expect(p.cost).toEqual({ amount: String(cost), currency: "USD", source: "reported", complete: true });
      expect(p.provenance.cost).toMatchObject({ spanId: id("a"), spans: 1 });
    }
  });

  it("a cost reported below a span that reports only the tokens is all of it", () => {
    const usage = { "gen_ai.usage.input_tokens": 400_000 };
    const p = project([
      span("a", call("gpt-4o", "openai", usage)),
      span("b", { parentSpanId: "a", ...call("gpt-4o", "openai", { ...usage, "gen_ai.usage.cost": 0.7 }) }),
    ]);
    expect(p.cost).toEqual({ amount: "0.7", currency: "USD", source: "reported", complete: true });
    expect(p.priceTableVersion).toBeNull();
  });

  it("a reported cost is not lowered by a span above that knows of cached tokens", () => {
    const usage = { "gen_ai.usage.input_tokens": 400_000 };
    const p = project([
      span("a", call("gpt-4o", "openai", { ...usage, "gen_ai.usage.cache_read.input_tokens": 300_000 })),
      span("b", { parentSpanId: "a", ...call("gpt-4o", "openai", { ...usage, "gen_ai.usage.cost": 0.7 }) }),
    ]);
    expect(p.cost).toEqual({ amount: "0.7", currency: "USD", source: "reported", complete: true });
    expect(p.usage).toMatchObject({ inputTokens: 400_000, cacheReadTokens: 300_000 });
  });

  it("is of both kinds where some spans report and others are priced", () => {
    const p = project([
      span("a"),
      span("b", { parentSpanId: "a", ...attributes({ "gen_ai.usage.cost": 0.1 }) }),
      span("c", { parentSpanId: "a", ...call("gpt-4o", "openai", { "gen_ai.usage.input_tokens": 400_000 }) }),
    ]);
    expect(p.cost).toEqual({ amount: "1.1", currency: "USD", source: "mixed", complete: true });
  });

  it("a call that failed before it used a token leaves the cost complete", () => {
    const p = project([
      span("a", call("gpt-4o", "openai", { "gen_ai.usage.input_tokens": 400_000 })),
      span("b", { from: 1, ...attributes({ "gen_ai.usage.input_tokens": 0 }) }),
    ]);
    expect(p.cost).toMatchObject({ amount: "1", complete: true });
    expect(p.costReason).toBeNull();
  });

  it("includes what a model charges per request, once", () => {
    const usage = { "gen_ai.usage.input_tokens": 1_000_000 };
    const p = project([
      span("a", call("sonar", "perplexity", usage)),
      span("b", { parentSpanId: "a", ...call("sonar", "perplexity", usage) }),
    ]);
    expect(p.cost?.amount).toBe("1.012");
  });

  it.each([
    ["azure.ai.openai", "gpt-4o-2024-08-06"],
    ["az.ai.openai", "gpt-4o"],
    ["azure.ai.inference", "gpt-4o"],
    ["az.ai.inference", "gpt-4o"],
    ["azure.responses", "gpt-4o"],
    ["azure-openai.chat", "gpt-4o"],
    ["aws.bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0"],
    ["amazon-bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0"],
    ["AWS", "eu.amazon.nova-pro-v1:0"],
    ["vertex_ai", "gemini-2.5-pro"],
    ["gcp.vertex_ai", "gemini-2.5-pro"],
    ["gcp.gemini", "gemini-2.5-flash"],
    ["gcp.gen_ai", "gemini-2.5-pro"],
    ["google.generative-ai", "gemini-2.5-pro"],
    ["anthropic", "claude-sonnet-4-5-20250929"],
    ["anthropic.messages", "claude-opus-4-1-20250805"],
    ["openai.responses", "gpt-4.1-2025-04-14"],
    ["openai.chat", "gpt-4o-mini-2024-07-18"],
    ["OpenAI", "o4-mini"],
    ["mistral_ai", "mistral-large-latest"],
    ["deepseek.chat", "deepseek-chat"],
    ["groq.chat", "llama-3.3-70b-versatile"],
    ["xai.chat", "grok-3"],
    ["x_ai", "grok-3"],
    ["togetherai.chat", "meta-llama/Llama-3.3-70B-Instruct-Turbo"],
    ["openrouter", "anthropic/claude-sonnet-4"],
    ["gateway", "anthropic/claude-sonnet-4"],
    ["litellm", "openai/gpt-4o"],
    ["Langchain", "gpt-4o"],
  ])("knows the provider %s by its name, with %s", (provider, model) => {
    const p = project([
      span(
        "a",
        call(model, provider, { "gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 10 }),
      ),
    ]);
    expect(p.cost?.complete, p.costReason ?? "").toBe(true);
    expect(Number(p.cost?.amount)).toBeGreaterThan(0);
  });
});

describe("first token", () => {
  it("gives the smallest latency of a call and the trace's own, units as each key has them", () => {
    const p = project([
      span("a", { to: 1_000 }),
      span("b", {
        parentSpanId: "a",
        from: 100,
        to: 900,
        ...attributes({ "gen_ai.response.time_to_first_chunk": 0.25 }),
      }),
      span("c", {
        parentSpanId: "a",
        from: 400,
        to: 900,
        ...attributes({ "ai.response.msToFirstChunk": 120.5 }),
      }),
    ]);
    expect(p.timeToFirstTokenNano).toEqual({ call: "120500000", trace: "350000000" });
    expect(p.provenance["timeToFirstTokenNano.call"]?.spanId).toBe(id("c"));
    expect(p.provenance["timeToFirstTokenNano.trace"]?.spanId).toBe(id("b"));
  });

  it("takes the earliest event of a span, and none before its start", () => {
    const p = project([
      span("a", {
        events: [
          { name: "gen_ai.content.chunk", at: t0 + 9n },
          { name: "gen_ai.content.chunk", at: t0 + 5n },
        ],
      }),
      span("b", { from: 1, events: [{ name: "ai.stream.firstChunk", at: t0 }] }),
    ]);
    expect(p.timeToFirstTokenNano).toEqual({ call: "5", trace: "5" });
    expect(p.flags.earlyFirstTokens).toBe(1);
  });

  it("zero is a latency", () => {
    const p = project([span("a", attributes({ "gen_ai.server.time_to_first_token": 0 }))]);
    expect(p.timeToFirstTokenNano).toEqual({ call: "0", trace: "0" });
  });
});

describe("status and errors", () => {
  const failed = (message = "") => ({ status: { code: 2, message } as const });

  it("an error anywhere makes the trace one; the root's own status stays visible", () => {
    const p = project([
      span("a", { status: { code: 1, message: "" } }),
      span("b", { parentSpanId: "a", ...failed("boom") }),
    ]);
    expect(p).toMatchObject({
      status: "error",
      rootStatus: "ok",
      errorCount: 1,
      firstError: { type: null, message: "boom", spanId: id("b") },
    });
    expect(project([span("a", { status: { code: 1, message: "" } })]).status).toBe("ok");
    expect(project([span("a")]).status).toBe("unset");
  });

  it("the first error is where it failed first, described by its newest exception", () => {
    const exception = (at: bigint, message: string) => ({
      name: "exception",
      at,
      attributes: { "exception.type": "E", "exception.message": message },
    });
    const p = project([
      span("a", { to: 100, ...failed() }),
      span("b", {
        parentSpanId: "a",
        from: 10,
        to: 50,
        ...failed("status"),
        events: [exception(t0 + 30n, "newest"), exception(t0 + 20n, "older")],
        ...attributes({ "error.type": "other" }),
      }),
    ]);
    expect(p.firstError).toEqual({ type: "E", message: "newest", spanId: id("b") });
  });

  it("falls back to the attribute, then the status message", () => {
    const p = project([span("a", { ...failed("status says"), ...attributes({ "error.type": "timeout" }) })]);
    expect(p.firstError).toEqual({ type: "timeout", message: "status says", spanId: id("a") });
    const q = project([
      span("a", { ...failed("status says"), ...attributes({ "error.message": "attr says" }) }),
    ]);
    expect(q.firstError?.message).toBe("attr says");
  });
});

describe("session, user, tags, metadata, services", () => {
  it("root first, then the earliest; session keys by precedence", () => {
    const p = project([
      span("a", {
        from: 5,
        ...attributes({ "gen_ai.conversation.id": "conversation", "session.id": "session" }),
      }),
      span("b", {
        parentSpanId: "a",
        from: 1,
        ...attributes({ "langfuse.session.id": "langfuse", "user.id": "child" }),
      }),
    ]);
    expect(p).toMatchObject({ sessionId: "session", userId: "child" });
  });

  it("reads each convention's own", () => {
    const ai = project([
      span(
        "a",
        attributes({
          "ai.telemetry.metadata.sessionId": "s",
          "ai.telemetry.metadata.userId": 42,
          "ai.telemetry.metadata.tags": ["x", "y", "x"],
          "ai.telemetry.metadata.plan": "pro",
        }),
      ),
    ]);
    expect(ai).toMatchObject({ sessionId: "s", userId: "42", tags: ["x", "y"], metadata: { plan: "pro" } });
    const traceloop = project([
      span(
        "a",
        attributes({
          "traceloop.association.properties.session_id": "s",
          "traceloop.association.properties.user_id": "u",
          "traceloop.association.properties.lang": "en",
        }),
      ),
    ]);
    expect(traceloop).toMatchObject({ sessionId: "s", userId: "u", metadata: { lang: "en" } });
  });

  it("merges metadata, the root's values first, whatever its keys are called", () => {
    const p = project([
      span("a", {
        from: 5,
        ...attributes({ metadata: '{"k":"root","__proto__":{"x":1}}', "tag.tags": '["t"]' }),
      }),
      span("b", {
        parentSpanId: "a",
        ...attributes({ metadata: '{"k":"child","c":0}', "tag.tags": ["u", "t"] }),
      }),
    ]);
    expect(Object.entries(p.metadata)).toEqual([
      ["k", "root"],
      ["__proto__", { x: 1 }],
      ["c", 0],
    ]);
    expect(p.tags).toEqual(["t", "u"]);
  });

  it("models, providers and services are distinct, in order of first use", () => {
    const of = (short: string, from: number, model: string, provider: string, service: string) =>
      span(short, {
        from,
        resource: buildResource(service),
        attributes: { "gen_ai.request.model": model, "gen_ai.system": provider },
      });
    const p = project([
      of("c", 3, "m1", "p2", "s1"),
      of("b", 2, "m2", "p1", "s2"),
      of("a", 2, "m1", "p2", "s2"),
    ]);
    expect(p).toMatchObject({ models: ["m1", "m2"], providers: ["p2", "p1"], services: ["s2", "s1"] });
  });
});

describe("plain traces", () => {
  it("HTTP, RPC and database spans give name, times, status, services and kinds", () => {
    const p = project([
      span("a", { name: "GET /", ...attributes({ "http.method": "GET", "http.target": "/?q=1" }) }),
      span("b", { parentSpanId: "a", ...attributes({ "rpc.system": "grpc" }) }),
      span("c", { parentSpanId: "b", ...attributes({ "db.system": "mysql" }) }),
    ]);
    expect(p).toMatchObject({
      name: "GET /",
      input: { text: "GET /?q=1" },
      output: null,
      status: "unset",
      models: [],
      services: ["app"],
      cost: null,
      costReason: "no-usage",
      timeToFirstTokenNano: null,
      spanKinds: { server: 1, client: 1, database: 1 },
      truncated: false,
    });
  });
});
