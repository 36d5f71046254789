import { createEventStream } from "@es/core";
import { describe, expect, it } from "vitest";
import { buildTraceProjection } from "../buildTraceProjection.js";
import { buildScope, buildSpan, type PlainValue } from "../demo/spanBuilder.js";
import { createSpanEvent } from "../spanEvent.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const t0 = 1_780_000_000_000_000_000n;

interface Draft {
  readonly id: string;
  readonly below?: string;
  readonly scope?: string;
  /** Milliseconds. */
  readonly from?: number;
  readonly to?: number;
  readonly attributes?: Readonly<Record<string, PlainValue>>;
}

const hex = (id: string) => id.padStart(16, "0");

function project(drafts: readonly Draft[]) {
  const spans = drafts.map(({ id, below, scope = "app", from = 0, to = 1_000, attributes = {} }) =>
    buildSpan({
      traceId,
      spanId: hex(id),
      ...(below === undefined ? {} : { parentSpanId: hex(below) }),
      name: id,
      scope: buildScope(scope, "1"),
      start: t0 + BigInt(from) * 1_000_000n,
      end: t0 + BigInt(to) * 1_000_000n,
      attributes,
    }),
  );
  const events = spans.map((span, index) => createSpanEvent(span, BigInt(index + 1)));
  return buildTraceProjection(createEventStream(traceId, events));
}

function call(input: number, output: number, more: Readonly<Record<string, PlainValue>> = {}) {
  return {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": input,
    "gen_ai.usage.output_tokens": output,
    ...more,
  };
}

const cached = { "gen_ai.usage.cache_read.input_tokens": 60 };
const root = { id: "1" };

describe("two instrumentations that tell of one call side by side", () => {
  it.each([
    ["the first", [cached, {}]],
    ["the second", [{}, cached]],
    ["both", [cached, cached]],
  ])("count once; %s knows what was cached", (_who, [one, other]) => {
    const { usage, cost } = project([
      root,
      { id: "2", below: "1", scope: "a", from: 10, to: 500, attributes: call(100, 20, one) },
      { id: "3", below: "1", scope: "b", from: 12, to: 499, attributes: call(100, 20, other) },
    ]);
    expect(usage).toMatchObject({
      inputTokens: 100,
      cacheReadTokens: 60,
      outputTokens: 20,
      totalTokens: 120,
    });
    expect(cost).toMatchObject({ amount: "0.0000225", complete: true });
  });

  it("count once where neither lasts as long as the other, in different places of the tree", () => {
    const { usage } = project([
      root,
      { id: "2", below: "1", scope: "a", from: 5, to: 600 },
      { id: "3", below: "2", scope: "a", from: 10, to: 500, attributes: call(100, 20) },
      { id: "4", below: "1", scope: "b", from: 12, to: 502, attributes: call(100, 20) },
    ]);
    expect(usage).toMatchObject({ inputTokens: 100, outputTokens: 20 });
  });

  it.each([
    ["other tokens", { scope: "b", from: 12, to: 499, attributes: call(101, 20) }],
    [
      "another model",
      { scope: "b", from: 12, to: 499, attributes: call(100, 20, { "gen_ai.request.model": "o4-mini" }) },
    ],
    ["another time", { scope: "b", from: 501, to: 990, attributes: call(100, 20) }],
    ["hardly the same time", { scope: "b", from: 400, to: 990, attributes: call(100, 20) }],
    ["the same instrumentation", { scope: "a", from: 12, to: 499, attributes: call(100, 20) }],
  ])("are two calls with %s", (_what, other) => {
    const { usage } = project([
      root,
      { id: "2", below: "1", scope: "a", from: 10, to: 500, attributes: call(100, 20) },
      { id: "3", below: "1", ...other },
    ]);
    expect(usage.outputTokens).toBe(40);
  });

  it("explain what is reported above each of them, and once what is reported above both", () => {
    const agent = (input: number, output: number) => ({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.usage.input_tokens": input,
      "gen_ai.usage.output_tokens": output,
    });
    const trees = (above: Draft) => [
      above,
      { id: "2", below: "1", scope: "a", from: 5, to: 600, attributes: agent(100, 20) },
      { id: "3", below: "2", scope: "a", from: 10, to: 500, attributes: call(100, 20) },
      { id: "4", below: "1", scope: "b", from: 6, to: 601, attributes: agent(100, 20) },
      { id: "5", below: "4", scope: "b", from: 11, to: 501, attributes: call(100, 20) },
    ];
    expect(project(trees(root)).usage).toMatchObject({ inputTokens: 100, outputTokens: 20 });
    expect(project(trees({ id: "1", attributes: agent(100, 20) })).usage).toMatchObject({
      inputTokens: 100,
      outputTokens: 20,
    });
    expect(project(trees({ id: "1", attributes: agent(130, 25) })).usage).toMatchObject({
      inputTokens: 130,
      outputTokens: 25,
    });
  });

  it("count once if one reports its cost, or both do", () => {
    const costOf = (one: Readonly<Record<string, PlainValue>>, other: Readonly<Record<string, PlainValue>>) =>
      project([
        root,
        { id: "2", below: "1", scope: "a", from: 10, to: 500, attributes: call(100, 20, one) },
        { id: "3", below: "1", scope: "b", from: 12, to: 499, attributes: call(100, 20, other) },
      ]).cost?.amount;
    const reported = { "gen_ai.usage.cost": 0.25 };
    expect(costOf(reported, {})).toBe("0.25");
    expect(costOf({}, reported)).toBe("0.25");
    expect(costOf(reported, reported)).toBe("0.25");
  });
});

describe("what runs below a call of a model", () => {
  const tool = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask" };
  const below = (more: Readonly<Record<string, PlainValue>> = {}) => [
    { id: "2", below: "1", from: 10, to: 900, attributes: call(100, 20, more) },
    { id: "3", below: "2", from: 200, to: 700, attributes: tool },
    { id: "4", below: "3", from: 210, to: 690, attributes: call(40, 5) },
  ];

  it("is counted beside it if it is a tool's or an agent's", () => {
    expect(project([root, ...below()]).usage).toMatchObject({ inputTokens: 140, outputTokens: 25 });
  });

  it("explains what an agent above the call reports", () => {
    const agent = {
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.usage.input_tokens": 140,
      "gen_ai.usage.output_tokens": 25,
    };
    const { usage } = project([{ id: "1", attributes: agent }, ...below()]);
    expect(usage).toMatchObject({ inputTokens: 140, outputTokens: 25 });
  });

  it("is priced beside the cost that the call reports", () => {
    const { cost } = project([root, ...below({ "gen_ai.usage.cost": 0.25 })]);
    expect(cost).toMatchObject({ amount: "0.250009", source: "mixed" });
  });
});
