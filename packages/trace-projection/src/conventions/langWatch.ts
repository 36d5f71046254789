import type { Convention } from "./convention.js";

const metrics = "langwatch.metrics";

/** LangWatch's SDKs. Model names are OTel GenAI's. No package ships its keys as constants. */
export const langWatch: Convention = {
  name: "langwatch",
  kinds: [
    {
      id: "langwatch.type",
      key: "langwatch.span.type",
      values: {
        llm: "llm",
        agent: "agent",
        chain: "chain",
        workflow: "chain",
        component: "chain",
        module: "chain",
        task: "chain",
        tool: "tool",
        rag: "retriever",
        guardrail: "guardrail",
        evaluation: "evaluator",
        prompt: "prompt",
        server: "server",
        client: "client",
        producer: "producer",
        consumer: "consumer",
      },
    },
  ],
  input: [{ id: "langwatch.input", source: { from: "attribute", key: "langwatch.input", shape: "typed" } }],
  output: [
    { id: "langwatch.output", source: { from: "attribute", key: "langwatch.output", shape: "typed" } },
  ],
  usage: [
    { id: "langwatch.prompt-tokens", key: metrics, class: "input", members: ["value.promptTokens"] },
    { id: "langwatch.completion-tokens", key: metrics, class: "output", members: ["value.completionTokens"] },
  ],
  cost: [
    { id: "langwatch.span-cost", keys: ["langwatch.span.cost"] },
    { id: "langwatch.cost", keys: [metrics], members: ["value.cost"] },
  ],
  firstToken: [
    {
      id: "langwatch.first-token",
      from: "instant",
      key: "langwatch.timestamps",
      member: "first_token_at",
    },
    { id: "langwatch.first-token-at", from: "instant", key: "langwatch.timestamps.first_token_at" },
  ],
  sessions: [
    { id: "langwatch.thread", key: "langwatch.thread.id", rank: 3 },
    { id: "langwatch.langgraph-thread", key: "langwatch.langgraph.thread_id", rank: 4 },
  ],
  users: [{ id: "langwatch.user", key: "langwatch.user.id" }],
  tags: [{ id: "langwatch.labels", key: "langwatch.labels" }],
  metadata: [{ id: "langwatch.metadata", from: "attribute", key: "metadata" }],
};
