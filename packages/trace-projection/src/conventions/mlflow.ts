import type { Convention } from "./convention.js";

const usage = "mlflow.chat.tokenUsage";

/** MLflow's tracing, whose attributes are all JSON: a plain text is in quotes. */
export const mlflow: Convention = {
  name: "mlflow",
  kinds: [
    {
      id: "mlflow.type",
      key: "mlflow.spanType",
      values: {
        LLM: "llm",
        CHAT_MODEL: "llm",
        AGENT: "agent",
        TOOL: "tool",
        CHAIN: "chain",
        WORKFLOW: "chain",
        TASK: "chain",
        RETRIEVER: "retriever",
        EMBEDDING: "embedding",
        RERANKER: "reranker",
        GUARDRAIL: "guardrail",
        EVALUATOR: "evaluator",
      },
    },
  ],
  input: [{ id: "mlflow.inputs", source: { from: "attribute", key: "mlflow.spanInputs", shape: "encoded" } }],
  output: [
    { id: "mlflow.outputs", source: { from: "attribute", key: "mlflow.spanOutputs", shape: "encoded" } },
  ],
  usage: [
    { id: "mlflow.input-tokens", key: usage, class: "input", members: ["input_tokens"] },
    { id: "mlflow.output-tokens", key: usage, class: "output", members: ["output_tokens"] },
    { id: "mlflow.total-tokens", key: usage, class: "total", members: ["total_tokens"] },
    {
      id: "mlflow.cache-read-tokens",
      key: usage,
      class: "cacheRead",
      members: ["cache_read_input_tokens"],
    },
    {
      id: "mlflow.cache-creation-tokens",
      key: usage,
      class: "cacheWrite",
      members: ["cache_creation_input_tokens"],
    },
  ],
  sessions: [{ id: "mlflow.session", key: "mlflow.trace.session", rank: 6 }],
  users: [{ id: "mlflow.user", key: "mlflow.trace.user" }],
};
