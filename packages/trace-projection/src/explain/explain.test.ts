import { createEventStream } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contradictionsOf } from "../../test/contradictions.js";
import { anyOddTrace, anyTrace, traceId } from "../../test/spanArbitraries.js";
import { defaultContentLimits } from "../content/contentLimits.js";
import { buildScope, buildSpan, type PlainValue } from "../demo/spanBuilder.js";
import { createSpanEvent } from "../spanEvent.js";
import { TraceProjectionEventHandler } from "../traceProjectionEventHandler.js";
import { explain } from "./explain.js";
import type { FieldExplanation } from "./traceExplanation.js";

const everything = { candidates: 10_000, valueCharacters: Number.MAX_SAFE_INTEGER };
const anySpans = fc.oneof({ weight: 3, arbitrary: anyTrace }, { weight: 1, arbitrary: anyOddTrace });
const streamOf = (spans: readonly OtlpSpan[]) =>
  createEventStream(
    traceId,
    spans.map((span) => createSpanEvent(span, 1n)),
  );

describe("explain", () => {
  it.each([
    ["the default limits", defaultContentLimits],
    ["tight limits", { ...defaultContentLimits, distinct: 1, tags: 1, metadataKeys: 1 }],
  ])("never contradicts the projection, whatever the spans, within %s", { timeout: 120_000 }, (_, limits) => {
    const handler = new TraceProjectionEventHandler({ limits });
    fc.assert(
      fc.property(anySpans, (spans) => {
        const stream = streamOf(spans);
        expect(contradictionsOf(explain(stream, { ...everything, limits }), handler.handle(stream))).toEqual(
          [],
        );
      }),
      { numRuns: 1_000, seed: 20_261 },
    );
  });

  it("lists as much as it is asked to, and says how much more there was", () => {
    fc.assert(
      fc.property(
        anySpans,
        fc.nat({ max: 3 }),
        fc.integer({ min: 1, max: 20 }),
        (spans, candidates, characters) => {
          const all = explain(streamOf(spans), everything).fields;
          const some = explain(streamOf(spans), { candidates, valueCharacters: characters }).fields;
          for (const [index, { losers, moreLosers, sum }] of some.entries()) {
            const whole = all[index] as FieldExplanation;
            expect(losers.length).toBe(Math.min(candidates, whole.losers.length));
            expect(losers.length + moreLosers).toBe(whole.losers.length);
            expect(losers.map(({ reason }) => reason)).toEqual(
              whole.losers.slice(0, candidates).map(({ reason }) => reason),
            );
            expect((sum?.parts.length ?? 0) + (sum?.moreParts ?? 0)).toBe(whole.sum?.parts.length ?? 0);
            for (const [at, { value, shortened }] of losers.entries()) {
              expect(value.length).toBeLessThanOrEqual(characters);
              expect(shortened === true).toBe(value !== whole.losers[at]?.value);
            }
          }
        },
      ),
      { numRuns: 200, seed: 20_262 },
    );
  });

  it("takes spans in any order, and several with one id as a stream does", () => {
    fc.assert(
      fc.property(anySpans, (spans) => {
        expect(explain([...spans, ...spans].reverse())).toEqual(explain(streamOf(spans)));
      }),
      { numRuns: 100, seed: 20_263 },
    );
  });

  it("explains a trace without spans, and refuses options that make no sense", () => {
    expect(explain([])).toMatchObject({ traceId: "", spanCount: 0 });
    expect(explain([]).fields.every(({ winner }) => winner === null)).toBe(true);
    const invalid = expect.objectContaining({ code: "INVALID_OPTIONS" });
    expect(() => explain([], { candidates: -1 })).toThrow(invalid);
    expect(() => explain([], { valueCharacters: 1.5 })).toThrow(invalid);
  });
});

interface Draft {
  readonly below?: string;
  readonly scope?: string;
  /** Milliseconds. */
  readonly from?: number;
  readonly to?: number;
  readonly failed?: string;
}

const hex = (id: string) => id.padStart(16, "0");
const t0 = 1_780_000_000_000_000_000n;

function span(id: string, attributes: Readonly<Record<string, PlainValue>>, draft: Draft = {}): OtlpSpan {
  const { below, scope = "app", from = 0, to = 1_000, failed } = draft;
  return buildSpan({
    traceId,
    spanId: hex(id),
    ...(below === undefined ? {} : { parentSpanId: hex(below) }),
    name: id,
    scope: buildScope(scope, "1"),
    start: t0 + BigInt(from) * 1_000_000n,
    end: t0 + BigInt(to) * 1_000_000n,
    attributes,
    ...(failed === undefined ? {} : { status: { code: 2 as const, message: failed } }),
  });
}

/** `span key reason`, the winner first. */
function outcome(spans: readonly OtlpSpan[], name: string): readonly string[] {
  const field = explain(spans).fields.find(({ field }) => field === name);
  if (field === undefined) throw new Error(`There is no field ${name}`);
  const { winner, losers } = field;
  return [
    winner === null ? "nothing" : `${winner.spanName} ${winner.key}`,
    ...losers.map(({ spanName, key, reason, by }) =>
      [spanName, key, reason, ...(by ?? []).map((id) => id.replace(/^0+/, ""))].join(" "),
    ),
  ];
}

const chat = { "gen_ai.operation.name": "chat" };
const tokens = (input: number, output: number) => ({
  ...chat,
  "gen_ai.usage.input_tokens": input,
  "gen_ai.usage.output_tokens": output,
});

describe("why a value lost", () => {
  it("an input: to the root, to a rule, as weak, as a tool's, to an earlier span, below the top", () => {
    const others = [
      span("c", { "input.value": "later" }, { below: "a", from: 2 }),
      span("b", { "input.value": "earlier", "langwatch.input": "first rule" }, { below: "a", from: 1 }),
      span("d", { "gen_ai.operation.name": "execute_tool", "input.value": "tool" }, { below: "a", from: 1 }),
      span("e", { "gen_ai.system_instructions": '"be kind"', input: "x" }, { below: "a", from: 3 }),
    ];
    expect(outcome([span("a", {}), ...others], "input")).toEqual([
      "b langwatch.input",
      "b input.value lower-precedence-rule",
      "c input.value later-span",
      "d input.value aside-kind",
      "e gen_ai.system_instructions weak",
      "e input not-top",
    ]);
    expect(outcome([span("a", { "input.value": "root's" }), ...others], "input").slice(0, 3)).toEqual([
      "a input.value",
      "b langwatch.input not-root",
      "b input.value not-root",
    ]);
  });

  it("an output to the span that ended last", () => {
    expect(
      outcome(
        [
          span("a", {}),
          span("b", { "output.value": "1" }, { below: "a", to: 5 }),
          span("c", { "output.value": "2" }, { below: "a", to: 9 }),
        ],
        "output",
      ),
    ).toEqual(["c output.value", "b output.value ended-earlier"]);
  });

  it("names: to the root, by what they are, as repeated, as undated", () => {
    const spans = [
      span("a", { "session.id": "s1", "gen_ai.conversation.id": "s2", "gen_ai.request.model": "gpt-4o" }),
      span(
        "b",
        {
          "session.id": "",
          "gen_ai.provider.name": "langchain",
          "gen_ai.request.model": "gpt-4o",
          "gen_ai.response.model": "gpt-4o-2024-08-06",
        },
        { below: "a", from: 1 },
      ),
      span(
        "c",
        { "session.id": "s3", "gen_ai.response.model": "gpt-4o-2024-08-06" },
        { below: "a", from: 2 },
      ),
    ];
    expect(outcome(spans, "sessionId")).toEqual([
      "a session.id",
      "a gen_ai.conversation.id lower-precedence-rule",
      "c session.id not-root",
      "b session.id empty",
    ]);
    expect(outcome(spans, "providers")).toEqual(["nothing", "b gen_ai.provider.name says-nothing"]);
    expect(outcome(spans, "models")).toEqual([
      "nothing",
      "a gen_ai.request.model undated-name",
      "b gen_ai.request.model lower-precedence-rule",
    ]);
    expect(outcome(spans, "models[0]")).toEqual([
      "b gen_ai.response.model",
      "c gen_ai.response.model repeated",
    ]);
  });

  it("usage that spans below count, and what a parent adds beyond", () => {
    const spans = [
      span("a", tokens(30, 10)),
      span("b", tokens(10, 5), { below: "a", from: 1 }),
      span("c", tokens(12, 5), { below: "a", from: 2 }),
    ];
    expect(outcome(spans, "usage.outputTokens")).toEqual([
      "b gen_ai.usage.output_tokens",
      "a gen_ai.usage.output_tokens already-counted-below b c",
    ]);
    const { sum, value } = explain(spans).fields.find(
      ({ field }) => field === "usage.inputTokens",
    ) as FieldExplanation;
    expect(value).toBe(30);
    expect(sum?.parts.map(({ spanName, own, counted, by }) => [spanName, own, counted, by])).toEqual([
      ["a", "30", "8", [hex("b"), hex("c")]],
      ["b", "10", "10", undefined],
      ["c", "12", "12", undefined],
    ]);
    expect(sum).toMatchObject({ moreParts: 0, moreCounted: "0", remainder: "0" });
  });

  it("usage that a twin counts, and another key for the same tokens", () => {
    const spans = [
      span("a", {}),
      span(
        "b",
        { ...tokens(10, 5), "llm.token_count.prompt": 10 },
        { below: "a", scope: "one", from: 1, to: 90 },
      ),
      span("c", tokens(10, 5), { below: "a", scope: "two", from: 2, to: 80 }),
    ];
    expect(outcome(spans, "usage.inputTokens")).toEqual([
      "c gen_ai.usage.input_tokens",
      "b llm.token_count.prompt twin-call c",
      "b gen_ai.usage.input_tokens lower-precedence-rule",
    ]);
  });

  it("tokens whose cost is reported above, and models without a price", () => {
    const priced = { ...tokens(1_000, 10), "gen_ai.request.model": "gpt-4o" };
    expect(
      outcome([span("a", { "llm.cost.total": 0.5 }), span("b", priced, { below: "a" })], "cost"),
    ).toEqual(["a llm.cost.total", "b gen_ai.request.model covered-by-reported-cost a"]);
    const unheard = [
      span("a", priced),
      span("b", { ...tokens(5, 5), "gen_ai.request.model": "unheard-of" }, { below: "a", from: 1 }),
      span("c", tokens(5, 5), { from: 2, below: "a" }),
    ];
    expect(outcome(unheard, "cost")).toEqual([
      "a gen_ai.request.model",
      "b gen_ai.request.model unknown-model",
      "c  no-model",
    ]);
    expect(outcome(unheard, "costReason")).toEqual(["b gen_ai.request.model"]);
    expect(outcome(unheard, "unpricedModels[0]")).toEqual(["b gen_ai.request.model"]);
  });

  it("a first token that took longer, came later, or is before its span", () => {
    const first = (seconds: number) => ({ "gen_ai.response.time_to_first_chunk": seconds });
    const spans = [
      span("a", {}),
      span("b", first(0.2), { below: "a", from: 10 }),
      span("c", first(0.1), { below: "a", from: 500 }),
      span("d", { "langwatch.timestamps": '{"first_token_at":1779999990000}' }, { below: "a", from: 600 }),
    ];
    expect(outcome(spans, "timeToFirstTokenNano.call")).toEqual([
      "c gen_ai.response.time_to_first_chunk",
      "b gen_ai.response.time_to_first_chunk slower-call",
      "d langwatch.timestamps early-first-token",
    ]);
    expect(outcome(spans, "timeToFirstTokenNano.trace")).toEqual([
      "b gen_ai.response.time_to_first_chunk",
      "c gen_ai.response.time_to_first_chunk later-first-token",
      "d langwatch.timestamps early-first-token",
    ]);
  });

  it("an error further out, or later, and what else the span says of its own", () => {
    const spans = [
      span("a", {}, { failed: "outer", to: 50 }),
      span("b", { "error.message": "attribute" }, { below: "a", failed: "status", from: 1, to: 50 }),
      span("c", {}, { below: "a", failed: "late", from: 1, to: 60 }),
    ];
    expect(outcome(spans, "firstError")).toEqual([
      "b error.message",
      "b status lower-precedence-rule",
      "a status outer-span",
      "c status failed-later",
    ]);
    expect(outcome(spans, "errorCount")).toEqual(["a status"]);
  });

  it("tags, metadata and spans that are not the root", () => {
    const spans = [
      span("a", { "tag.tags": '["x","y"]', metadata: '{"tier":"gold"}' }),
      span("b", { "tag.tags": '["y"]', metadata: '{"tier":"tin"}' }, { from: 1 }),
      span("c", {}, { below: "f0", from: 2 }),
    ];
    expect(outcome(spans, "tags[1]")).toEqual(["a tag.tags", "b tag.tags repeated"]);
    const tier = explain(spans).fields.find(({ field }) => field === "metadata.tier");
    expect(tier?.winner).toMatchObject({ spanName: "a", key: "metadata", convention: "langwatch" });
    expect(tier?.losers.at(-1)).toMatchObject({ spanName: "b", value: "tin", reason: "not-root" });
    expect(outcome(spans, "name")).toEqual(["a name", "b name later-span", "c name parent-missing"]);
    expect(outcome(spans, "startTimeUnixNano")).toEqual([
      "a startTimeUnixNano",
      "b startTimeUnixNano later-span",
      "c startTimeUnixNano later-span",
    ]);
  });
});
