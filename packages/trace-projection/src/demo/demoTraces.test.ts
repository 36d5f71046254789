import { createEventStream } from "@es/core";
import { checkOrderFree } from "@es/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSpanEvent } from "../spanEvent.js";
import type { TraceProjection } from "../traceProjection.js";
import { TraceProjectionEventHandler } from "../traceProjectionEventHandler.js";
import { demoTraces } from "./demoTraces.js";

const now = 1_790_000_000_000_000_000n;

function projections(): Map<string, TraceProjection> {
  const handler = new TraceProjectionEventHandler();
  return new Map(
    demoTraces({ now }).map((trace) => {
      const events = trace.batches.flat().map((span, index) => createSpanEvent(span, BigInt(index)));
      return [trace.name, handler.handle(createEventStream(events[0]?.aggregateId ?? "", events))];
    }),
  );
}

describe("demoTraces", () => {
  it("is the same for the same options, and other ids for another seed", () => {
    expect(demoTraces({ now })).toEqual(demoTraces({ now }));
    expect(demoTraces({ now, seed: 2 })).not.toEqual(demoTraces({ now }));
  });

  it("shows the cases it promises", () => {
    const all = projections();
    const summary = [...all].map(([name, p]) => ({
      name,
      root: p.name,
      status: p.status,
      spans: p.spanCount,
      input: p.input?.text,
      output: p.output?.text,
      tokens: p.usage.totalTokens,
      cost: p.cost?.amount ?? p.costReason,
      first: p.timeToFirstTokenNano?.call,
      models: p.models,
    }));
    expect(summary).toMatchInlineSnapshot(`
      [
        {
          "cost": "0.00246",
          "first": "412000000",
          "input": "Why does my invoice list two VAT rates?",
          "models": [
            "gpt-4o-2024-08-06",
          ],
          "name": "OTel GenAI: chat behind HTTP",
          "output": "Food is taxed at the reduced rate and delivery at the full one.",
          "root": "POST /v1/answers",
          "spans": 2,
          "status": "unset",
          "tokens": 1304,
        },
        {
          "cost": "0.007905",
          "first": "441000000",
          "input": "Is it warm enough in Lisbon for a picnic on Saturday?",
          "models": [
            "claude-sonnet-4-20250514",
          ],
          "name": "OpenInference: LangChain agent with a tool",
          "output": "Yes: 24 °C and no rain are forecast for Lisbon on Saturday.",
          "root": "AgentExecutor",
          "spans": 4,
          "status": "unset",
          "tokens": 2071,
        },
        {
          "cost": "0.00000945",
          "first": undefined,
          "input": "Autumn recipes",
          "models": [
            "gpt-4o-mini-2024-07-18",
          ],
          "name": "OpenLLMetry: workflow, task, call",
          "output": "Ten soups for cold evenings",
          "root": "write_newsletter.workflow",
          "spans": 3,
          "status": "unset",
          "tokens": 39,
        },
        {
          "cost": "0.001208",
          "first": "318250000",
          "input": "Where is my parcel?",
          "models": [
            "gpt-4.1-2025-04-14",
          ],
          "name": "Vercel AI SDK: streamText",
          "output": "It left the depot this morning and should reach you today.",
          "root": "ai.streamText support-chat",
          "spans": 2,
          "status": "unset",
          "tokens": 508,
        },
        {
          "cost": "no-usage",
          "first": undefined,
          "input": "Summarize the attached contract.",
          "models": [
            "claude-sonnet-4-20250514",
          ],
          "name": "A call that failed",
          "output": undefined,
          "root": "summarize",
          "spans": 2,
          "status": "error",
          "tokens": 0,
        },
        {
          "cost": "0.00040545",
          "first": undefined,
          "input": "Write part 1 of the report.",
          "models": [
            "gpt-4o-mini",
          ],
          "name": "The root comes last",
          "output": "Part 3: all well.",
          "root": "nightly-report",
          "spans": 4,
          "status": "unset",
          "tokens": 1803,
        },
        {
          "cost": "no-usage",
          "first": undefined,
          "input": "GET /orders/42",
          "models": [],
          "name": "Plain HTTP, RPC and database",
          "output": undefined,
          "root": "GET /orders/:id",
          "spans": 4,
          "status": "unset",
          "tokens": 0,
        },
        {
          "cost": "0.00795348",
          "first": undefined,
          "input": "handbook.pdf",
          "models": [
            "text-embedding-3-small",
          ],
          "name": "2 000 spans",
          "output": "1959 passages indexed",
          "root": "index documents",
          "spans": 2000,
          "status": "unset",
          "tokens": 397674,
        },
      ]
    `);
  });

  it("every trace is projected the same whatever the order, duplication and batching", () => {
    const traces = demoTraces({ now })
      .map((trace) => trace.batches.flat())
      .filter((spans) => spans.length < 100)
      .map((spans) => spans.map((span, index) => createSpanEvent(span, BigInt(index))));
    checkOrderFree({
      handler: () => new TraceProjectionEventHandler(),
      events: fc.constantFrom(...traces),
      numRuns: 50,
    });
  });
});
