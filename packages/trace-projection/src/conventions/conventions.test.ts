import { createEventStream } from "@es/core";
import { describe, expect, it } from "vitest";
import { buildTraceProjection } from "../buildTraceProjection.js";
import { buildResource, buildSpan, type PlainValue } from "../demo/spanBuilder.js";
import { createSpanEvent } from "../spanEvent.js";
import { rules } from "./conventions.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const t0 = 1_780_000_000_000_000_000n;

type Attributes = Readonly<Record<string, PlainValue>>;

/** A chain of spans, each below the one before. */
function project(...chain: readonly Attributes[]) {
  const id = (depth: number) => String(depth + 1).padStart(16, "0");
  const spans = chain.map((attributes, depth) =>
    buildSpan({
      traceId,
      spanId: id(depth),
      ...(depth === 0 ? {} : { parentSpanId: id(depth - 1) }),
      name: `span ${depth}`,
      start: t0 + BigInt(depth),
      end: t0 + 1_000_000_000n - BigInt(depth),
      attributes,
      resource: buildResource("shop"),
    }),
  );
  return buildTraceProjection(
    createEventStream(
      traceId,
      spans.map((span, index) => createSpanEvent(span, BigInt(index + 1))),
    ),
  );
}

it("every rule has an id of its own within its field", () => {
  for (const [field, ofField] of Object.entries(rules)) {
    const ids = ofField.map(({ id }) => id);
    expect(
      ids.filter((id, index) => ids.indexOf(id) !== index),
      field,
    ).toEqual([]);
  }
});

describe("models and providers", () => {
  const models = (...names: string[]) =>
    project(...names.map((name) => ({ "gen_ai.request.model": name }))).models;

  it("a model that was asked for by its plain name and answered under a dated one is one", () => {
    expect(models("gpt-4o", "gpt-4o-2024-08-06")).toEqual(["gpt-4o-2024-08-06"]);
    expect(models("claude-sonnet-4-5", "claude-sonnet-4-5-20250929")).toEqual(["claude-sonnet-4-5-20250929"]);
    expect(models("gpt-4", "gpt-4-0613")).toEqual(["gpt-4-0613"]);
    expect(models("gemini-2.0-flash", "gemini-2.0-flash-001")).toEqual(["gemini-2.0-flash-001"]);
  });

  it("a model whose name another's begins with is another", () => {
    expect(models("gpt-4o", "gpt-4o-mini")).toEqual(["gpt-4o", "gpt-4o-mini"]);
    expect(models("gpt-4o", "gpt-4o-mini-2024-07-18")).toEqual(["gpt-4o", "gpt-4o-mini-2024-07-18"]);
  });

  it("neither a framework nor the service itself is a provider", () => {
    const providers = ["langchain", "shop", "openai"].map((system) => ({ "gen_ai.system": system }));
    expect(project(...providers).providers).toEqual(["openai"]);
  });
});

describe("usage in JSON", () => {
  it("Langfuse's classes are disjoint", () => {
    const { usage } = project({
      "langfuse.observation.type": "generation",
      "langfuse.observation.usage_details": JSON.stringify({
        input: 512,
        input_cached_tokens: 1536,
        output: 64,
        output_reasoning_tokens: 256,
        total: 2368,
      }),
    });
    expect(usage).toEqual({
      inputTokens: 2048,
      cacheReadTokens: 1536,
      cacheWriteTokens: 0,
      outputTokens: 320,
      reasoningTokens: 256,
      totalTokens: 2368,
    });
  });

  const usageOf = (usage: object | string, key = "langfuse.observation.usage_details") =>
    project({
      "langfuse.observation.type": "generation",
      [key]: typeof usage === "string" ? usage : JSON.stringify(usage),
    }).usage;

  it.each([
    [
      "OpenAI's chat completions include what was cached",
      {
        prompt_tokens: 100,
        completion_tokens: 20,
        total_tokens: 120,
        prompt_tokens_details: { cached_tokens: 60 },
      },
      { inputTokens: 100, cacheReadTokens: 60, outputTokens: 20, totalTokens: 120 },
    ],
    [
      "OpenAI's responses include what was cached",
      {
        input_tokens: 100,
        output_tokens: 20,
        total_tokens: 120,
        input_tokens_details: { cached_tokens: 60 },
      },
      { inputTokens: 100, cacheReadTokens: 60, outputTokens: 20, totalTokens: 120 },
    ],
    [
      "Anthropic's input is without what was cached",
      { input_tokens: 100, output_tokens: 20, cache_read_input_tokens: 60, cache_creation_input_tokens: 30 },
      { inputTokens: 190, cacheReadTokens: 60, cacheWriteTokens: 30, outputTokens: 20 },
    ],
    [
      "Gemini's thoughts come on top of its output",
      { promptTokenCount: 100, candidatesTokenCount: 20, thoughtsTokenCount: 30, totalTokenCount: 150 },
      { inputTokens: 100, outputTokens: 50, reasoningTokens: 30, totalTokens: 150 },
    ],
    [
      "free names count on their side",
      {
        input: 100,
        input_cache_creation_5m: 40,
        input_cache_read: 60,
        input_images: 7,
        output: 20,
        output_thinking: 5,
      },
      { inputTokens: 207, cacheReadTokens: 60, cacheWriteTokens: 40, outputTokens: 25, reasoningTokens: 5 },
    ],
    [
      "free names are parts where the total says so",
      { input: 100, input_cached_tokens: 60, output: 20, total: 120 },
      { inputTokens: 100, cacheReadTokens: 60, outputTokens: 20, totalTokens: 120 },
    ],
  ])("%s", (_, usage, expected) => {
    expect(usageOf(usage)).toMatchObject(expected);
  });

  it("LangSmith's is JSON, or as Python prints it", () => {
    const expected = { inputTokens: 100, cacheReadTokens: 60, outputTokens: 20, reasoningTokens: 5 };
    const usage = {
      input_tokens: 100,
      output_tokens: 20,
      total_tokens: 120,
      input_token_details: { cache_read: 60 },
      output_token_details: { reasoning: 5 },
    };
    expect(usageOf(usage, "langsmith.usage_metadata")).toMatchObject(expected);
    const printed = JSON.stringify(usage).replaceAll('"', "'").replaceAll(":", ": ");
    expect(usageOf(printed, "langsmith.usage_metadata")).toMatchObject(expected);
  });

  it("members that are no counts, and text that is no JSON, are left out", () => {
    const usage = (value: string) =>
      project({ "langfuse.observation.usage_details": value }).usage.totalTokens;
    expect(usage('{"input":-1,"output":"x","total":7}')).toBe(7);
    expect(usage('{"input":')).toBe(0);
    expect(usage("[1]")).toBe(0);
  });

  it("a cost in JSON is its total, else the sum of its parts", () => {
    const cost = (details: object) =>
      project({ "langfuse.observation.cost_details": JSON.stringify(details) }).cost?.amount;
    expect(cost({ input: 0.1, output: 0.2, total: 0.4 })).toBe("0.4");
    expect(cost({ input: 0.1, output: 0.2 })).toBe("0.3");
  });
});

describe("first token", () => {
  const first = (attributes: Attributes) => project(attributes).timeToFirstTokenNano?.call;
  const at = new Date(Number(t0 / 1_000_000n) + 250).toISOString();

  it("as an instant, in quotes or not, in a JSON object, or as Unix milliseconds", () => {
    expect(first({ "langfuse.observation.completion_start_time": JSON.stringify(at) })).toBe("250000000");
    expect(first({ "mastra.completion_start_time": at })).toBe("250000000");
    const timestamps = JSON.stringify({ first_token_at: Number(t0 / 1_000_000n) + 250 });
    expect(first({ "langwatch.timestamps": timestamps })).toBe("250000000");
    expect(first({ "mastra.completion_start_time": "soon" })).toBeUndefined();
  });

  it("has the unit of whoever emits it", () => {
    expect(first({ "gen_ai.server.time_to_first_token": 250 })).toBe("250000000");
    const openLit = { "telemetry.sdk.name": "openlit", "gen_ai.server.time_to_first_token": 0.25 };
    expect(first(openLit)).toBe("250000000");
  });
});

describe("content", () => {
  const input = (attributes: Attributes) => project(attributes).input;

  it("LangWatch's typed values are what is in them", () => {
    expect(input({ "langwatch.input": '{"type":"text","value":"Hi"}' })?.text).toBe("Hi");
    const messages = { type: "chat_messages", value: [{ role: "user", content: "Hi" }] };
    expect(input({ "langwatch.input": JSON.stringify(messages) })).toEqual({
      text: "Hi",
      messages: messages.value,
    });
    expect(input({ "langwatch.input": '{"type":"json","value":{"a":1}}' })).toEqual({
      text: '{"a":1}',
      mimeType: "application/json",
    });
  });

  it("the one argument of a call is its input, several are all of it", () => {
    const entity = (args: unknown) => input({ "traceloop.entity.input": JSON.stringify(args) })?.text;
    expect(entity({ args: ["Hi"], kwargs: {} })).toBe("Hi");
    expect(entity({ args: ["Hi", 2], kwargs: {} })).toBe('{"args":["Hi",2],"kwargs":{}}');
    expect(entity({ args: ["Hi"], kwargs: { b: 1 } })).toBe('{"args":["Hi"],"kwargs":{"b":1}}');
  });

  it("one message is a message list, and so are the choices of a response and its items", () => {
    const output = (value: unknown) =>
      project({ "langfuse.observation.output": JSON.stringify(value) }).output?.text;
    expect(output({ role: "assistant", content: "Hi" })).toBe("Hi");
    expect(output({ choices: [{ message: { role: "assistant", content: "Hi" } }] })).toBe("Hi");
    const message = { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi" }] };
    expect(output([{ type: "reasoning", summary: [] }, message])).toBe("Hi");
    expect(output({ text: "Hi", files: [] })).toBe("Hi");
  });

  it("what a span in the middle was given in plain words is not what the trace was", () => {
    expect(project({}, { input: "aside", output: "aside" })).toMatchObject({ input: null, output: null });
    expect(project({ input: "Hi" }).input?.text).toBe("Hi");
  });
});

it("a span that says by its convention that it failed is an error", () => {
  const { status, errorCount, firstError } = project({
    "langfuse.observation.level": "ERROR",
    "langfuse.observation.status_message": "overloaded",
  });
  expect({ status, errorCount, firstError }).toMatchObject({
    status: "error",
    errorCount: 1,
    firstError: { message: "overloaded" },
  });
});
