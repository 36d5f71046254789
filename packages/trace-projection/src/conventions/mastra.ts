import type { ContentRule, Convention } from "./convention.js";

const spanTypes = [
  "agent_run",
  "workflow_run",
  "model_generation",
  "model_step",
  "tool_call",
  "mcp_tool_call",
  "generic",
] as const;

/** Mastra puts a span's type into the key. */
function content(side: "input" | "output"): readonly ContentRule[] {
  return spanTypes.map((type) => ({
    id: `mastra.${type.replaceAll("_", "-")}-${side}`,
    source: { from: "attribute", key: `mastra.${type}.${side}`, shape: "json" },
  }));
}

const metadata = "mastra.metadata";

/** What Mastra's OTel exporter adds to OTel GenAI, which its spans of model calls follow. */
export const mastra: Convention = {
  name: "mastra",
  kinds: [
    {
      id: "mastra.type",
      key: "mastra.span.type",
      values: {
        agent_run: "agent",
        workflow_run: "chain",
        workflow_step: "chain",
        model_generation: "chain",
        model_step: "chain",
        model_inference: "llm",
        workflow_conditional: "chain",
        workflow_conditional_eval: "chain",
        workflow_parallel: "chain",
        workflow_loop: "chain",
        tool_call: "tool",
        mcp_tool_call: "tool",
        client_tool_call: "tool",
        provider_tool_call: "tool",
        workspace_action: "tool",
        mcp_server_request: "server",
        processor_run: "guardrail",
        rag_embedding: "embedding",
        rag_vector_operation: "retriever",
        scorer_run: "evaluator",
        scorer_step: "evaluator",
        classifier_evaluation: "evaluator",
      },
    },
  ],
  input: content("input"),
  output: content("output"),
  firstToken: [{ id: "mastra.completion-start", from: "instant", key: "mastra.completion_start_time" }],
  sessions: [
    { id: "mastra.session", key: `${metadata}.sessionId`, rank: 3 },
    { id: "mastra.thread", key: `${metadata}.threadId`, rank: 4 },
  ],
  users: [
    { id: "mastra.user", key: `${metadata}.userId` },
    { id: "mastra.resource", key: `${metadata}.resourceId` },
  ],
  tags: [{ id: "mastra.tags", key: "mastra.tags" }],
  metadata: [
    {
      id: "mastra.metadata",
      from: "prefix",
      key: metadata,
      except: ["sessionId", "threadId", "userId", "resourceId", "runId", "headers", "body"],
    },
  ],
};
