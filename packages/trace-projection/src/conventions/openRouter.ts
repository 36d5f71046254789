import type { Convention } from "./convention.js";

/** What OpenRouter's broadcast adds to OTel GenAI's attributes. The total cost is what it billed. */
export const openRouter: Convention = {
  name: "openrouter",
  kinds: [
    {
      id: "openrouter.type",
      key: "span.type",
      values: { generation: "llm", embedding: "embedding", tool: "tool", agent: "agent", chain: "chain" },
    },
  ],
  input: [
    { id: "openrouter.span-input", source: { from: "attribute", key: "span.input", shape: "json" } },
    { id: "openrouter.trace-input", source: { from: "attribute", key: "trace.input", shape: "json" } },
  ],
  output: [
    { id: "openrouter.span-output", source: { from: "attribute", key: "span.output", shape: "json" } },
    { id: "openrouter.trace-output", source: { from: "attribute", key: "trace.output", shape: "json" } },
  ],
  cost: [
    { id: "openrouter.cost-total", keys: ["gen_ai.usage.total_cost"] },
    { id: "openrouter.cost-parts", keys: ["gen_ai.usage.input_cost", "gen_ai.usage.output_cost"] },
  ],
  traceNames: [{ id: "openrouter.trace-name", key: "trace.name" }],
  tags: [{ id: "openrouter.tags", key: "trace.tags" }],
  metadata: [{ id: "openrouter.metadata", from: "prefix", key: "trace.metadata", except: [] }],
};
