import type { Convention } from "./convention.js";

/**
 * `gen_ai.span.kind` and what goes with it: Alibaba's ARMS conventions, as LoongSuite, Dify and AgentScope have them, and
 * traceAI.
 */
export const arms: Convention = {
  name: "arms",
  kinds: [
    {
      id: "arms.kind",
      key: "gen_ai.span.kind",
      values: {
        LLM: "llm",
        AGENT: "agent",
        TOOL: "tool",
        CHAIN: "chain",
        WORKFLOW: "chain",
        TASK: "chain",
        STEP: "chain",
        ENTRY: "chain",
        CONVERSATION: "chain",
        EMBEDDING: "embedding",
        RETRIEVER: "retriever",
        RERANKER: "reranker",
        VECTOR_DB: "retriever",
        GUARDRAIL: "guardrail",
        EVALUATOR: "evaluator",
      },
    },
  ],
  usage: [
    { id: "arms.cache-read-tokens", key: "gen_ai.usage.input_tokens.cache_read", class: "cacheRead" },
    {
      id: "arms.cache-creation-tokens",
      key: "gen_ai.usage.input_tokens.cache_creation",
      class: "cacheWrite",
    },
  ],
  cost: [{ id: "arms.cost-total", keys: ["gen_ai.cost.total"] }],
  // ARMS has nanoseconds, Sentry seconds, others milliseconds.
  firstToken: [
    {
      id: "arms.time-to-first-token",
      from: "attribute",
      key: "gen_ai.response.time_to_first_token",
      units: ["s", "ms", "us", "ns"],
    },
    {
      id: "arms.user-time-to-first-token",
      from: "attribute",
      key: "gen_ai.user.time_to_first_token",
      units: ["ns", "us", "ms", "s"],
    },
  ],
  sessions: [{ id: "arms.session", key: "gen_ai.session.id", rank: 2 }],
  users: [{ id: "arms.user", key: "gen_ai.user.id" }],
};
