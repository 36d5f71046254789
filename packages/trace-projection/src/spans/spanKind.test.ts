import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyOddTrace } from "../../test/spanArbitraries.js";
import { rules } from "../conventions/conventions.js";
import { buildResource, buildSpan, type PlainValue } from "../demo/spanBuilder.js";
import { type SpanKind, spanKinds } from "../traceProjection.js";
import { spanKindOf } from "./spanKind.js";

function kindOf(attributes: Readonly<Record<string, PlainValue>>, kind = 1): SpanKind {
  const span = buildSpan({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    name: "span",
    start: 1n,
    end: 2n,
    attributes,
    resource: buildResource("shop"),
  });
  return spanKindOf({ ...span, kind }).kind;
}

describe("spanKindOf", () => {
  it.each<[string, Readonly<Record<string, string>>, SpanKind]>([
    ["OTel GenAI", { "gen_ai.operation.name": "retrieval" }, "retriever"],
    ["OpenInference", { "openinference.span.kind": "RERANKER" }, "reranker"],
    ["OpenInference, in other letters", { "openinference.span.kind": "Prompt" }, "prompt"],
    ["MLflow, in quotes", { "mlflow.spanType": '"EVALUATOR"' }, "evaluator"],
    ["MLflow, without", { "mlflow.spanType": "EVALUATOR" }, "evaluator"],
    ["the AI SDK, embedMany", { "ai.operationId": "ai.embedMany.doEmbed" }, "embedding"],
    ["the AI SDK, rerank", { "ai.operationId": "ai.rerank.doRerank" }, "reranker"],
    ["the AI SDK, generateObject", { "ai.operationId": "ai.generateObject" }, "chain"],
    ["Langfuse", { "langfuse.observation.type": "guardrail" }, "guardrail"],
    ["LangWatch", { "langwatch.span.type": "rag" }, "retriever"],
    ["Mastra", { "mastra.span.type": "mcp_tool_call" }, "tool"],
    ["Genkit", { "genkit:metadata:subtype": "indexer" }, "retriever"],
    ["OpenLLMetry", { "traceloop.span.kind": "agent" }, "agent"],
    ["OpenLLMetry, of a call", { "llm.request.type": "rerank" }, "reranker"],
    ["LangSmith", { "langsmith.span.kind": "retriever" }, "retriever"],
    ["Claude Code", { "span.type": "interaction" }, "agent"],
    ["VoltAgent, under the same key", { "span.type": "workflow-step" }, "chain"],
    ["Gemini CLI", { "gen_ai.operation.name": "llm_call" }, "llm"],
    ["Spring AI", { "gen_ai.operation.name": "framework", "spring.ai.kind": "advisor" }, "chain"],
    ["a model alone", { "gen_ai.request.model": "gpt-4o" }, "llm"],
    ["a database", { "db.system.name": "postgresql" }, "database"],
  ])("%s", (_, attributes, expected) => {
    expect(kindOf(attributes)).toBe(expected);
  });

  it.each<[number, SpanKind]>([
    [0, "internal"],
    [1, "internal"],
    [2, "server"],
    [3, "client"],
    [4, "producer"],
    [5, "consumer"],
    [99, "internal"],
  ])("a span of OpenTelemetry's kind %i that says no more is a %s", (kind, expected) => {
    expect(kindOf({}, kind)).toBe(expected);
    expect(kindOf({ "gen_ai.operation.name": "something new" }, kind)).toBe(expected);
    // A convention says more than OpenTelemetry's kind.
    expect(kindOf({ "gen_ai.operation.name": "chat" }, kind)).toBe("llm");
  });

  it.each<[Readonly<Record<string, string>>, SpanKind]>([
    [{ "http.request.method": "GET", "http.route": "/items/:id" }, "server"],
    [{ "http.request.method": "GET", "url.full": "http://shop/" }, "client"],
    [{ "http.method": "GET", "http.target": "/" }, "server"],
    [{ "messaging.system": "kafka", "messaging.operation.type": "process" }, "consumer"],
    [{ "messaging.system": "kafka", "messaging.operation.type": "send" }, "producer"],
    [{ "rpc.system": "grpc" }, "client"],
  ])("where OpenTelemetry's kind is not set, %o says it", (attributes, expected) => {
    expect(kindOf(attributes, 0)).toBe(expected);
  });

  it("names the rule, and is one of the kinds whatever a span holds", () => {
    const ids = new Set(rules.kinds.map(({ id }) => id));
    fc.assert(
      fc.property(anyOddTrace, (spans) => {
        for (const span of spans) {
          const { kind, key, ruleId } = spanKindOf(span);
          expect(spanKinds).toContain(kind);
          if (key === "kind") expect(ruleId).toBe(`kind.${kind}`);
          else expect(span.attributes.has(key)).toBe(true);
          expect(ids.has(ruleId) || ruleId.startsWith("kind.")).toBe(true);
        }
      }),
    );
  });
});
