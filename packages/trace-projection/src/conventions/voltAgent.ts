import type { Convention } from "./convention.js";

/** VoltAgent's spans; what went in and came out is in the plain `input` and `output`. */
export const voltAgent: Convention = {
  name: "voltagent",
  kinds: [
    {
      id: "voltagent.type",
      key: "span.type",
      values: {
        llm: "llm",
        tool: "tool",
        agent: "agent",
        workflow: "chain",
        "workflow-step": "chain",
        retriever: "retriever",
        embedding: "embedding",
        guardrail: "guardrail",
        vector: "retriever",
      },
    },
    { id: "voltagent.agent-state", key: "agent.state", present: "agent" },
  ],
  input: [
    { id: "voltagent.messages", source: { from: "attribute", key: "agent.messages", shape: "messages" } },
  ],
  models: [
    { id: "voltagent.model", key: "llm.model" },
    { id: "voltagent.agent-model", key: "ai.model.name" },
  ],
  usage: [
    { id: "voltagent.prompt-tokens", key: "llm.usage.prompt_tokens", class: "input" },
    { id: "voltagent.completion-tokens", key: "llm.usage.completion_tokens", class: "output" },
    { id: "voltagent.total-tokens", key: "llm.usage.total_tokens", class: "total" },
    { id: "voltagent.cached-tokens", key: "llm.usage.cached_tokens", class: "cacheRead" },
    { id: "voltagent.reasoning-tokens", key: "llm.usage.reasoning_tokens", class: "reasoning" },
    { id: "voltagent.agent-prompt-tokens", key: "usage.prompt_tokens", class: "input" },
    { id: "voltagent.agent-completion-tokens", key: "usage.completion_tokens", class: "output" },
    { id: "voltagent.agent-total-tokens", key: "usage.total_tokens", class: "total" },
    { id: "voltagent.agent-cached-tokens", key: "usage.cached_tokens", class: "cacheRead" },
    { id: "voltagent.agent-reasoning-tokens", key: "usage.reasoning_tokens", class: "reasoning" },
  ],
  sessions: [
    { id: "voltagent.conversation", key: "voltagent.conversation_id", rank: 3 },
    { id: "voltagent.span-conversation", key: "conversation.id", rank: 4 },
  ],
};
