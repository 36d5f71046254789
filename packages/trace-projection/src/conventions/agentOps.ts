import type { Convention } from "./convention.js";

/** AgentOps' decorators and instrumentations, over OTel GenAI's earlier attributes. */
export const agentOps: Convention = {
  name: "agentops",
  kinds: [
    {
      id: "agentops.kind",
      key: "agentops.span.kind",
      values: {
        session: "chain",
        workflow: "chain",
        task: "chain",
        operation: "chain",
        chain: "chain",
        agent: "agent",
        tool: "tool",
        llm: "llm",
        guardrail: "guardrail",
      },
    },
  ],
  input: [
    {
      id: "agentops.entity-input",
      source: { from: "attribute", key: "agentops.entity.input", shape: "call" },
    },
    ...["agent", "operation", "task", "tool", "workflow", "session"].map((kind) => ({
      id: `agentops.${kind}-input`,
      source: { from: "attribute", key: `agentops.${kind}.input`, shape: "call" } as const,
    })),
    { id: "agentops.tool-parameters", source: { from: "attribute", key: "tool.parameters", shape: "json" } },
  ],
  output: [
    {
      id: "agentops.entity-output",
      source: { from: "attribute", key: "agentops.entity.output", shape: "encoded" },
    },
    ...["agent", "operation", "task", "tool", "workflow", "session"].map((kind) => ({
      id: `agentops.${kind}-output`,
      source: { from: "attribute", key: `agentops.${kind}.output`, shape: "encoded" } as const,
    })),
    { id: "agentops.tool-result", source: { from: "attribute", key: "tool.result", shape: "json" } },
  ],
  firstToken: [
    {
      id: "agentops.time-to-first-token",
      from: "attribute",
      key: "gen_ai.streaming.time_to_first_token",
      units: ["s", "ms"],
    },
    {
      id: "agentops.ms-to-first-token",
      from: "attribute",
      key: "gen_ai.streaming.time_to_first_token_ms",
      units: ["ms"],
    },
  ],
  tags: [{ id: "agentops.tags", key: "agentops.tags" }],
};
