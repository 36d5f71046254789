import type { Convention } from "./convention.js";

const inputDetails = "gen_ai.usage.input_token_details";
const outputDetails = "gen_ai.usage.output_token_details";
const metadata = "langsmith.metadata";
/** JSON, or as Python prints a dictionary. */
const usageMetadata = "langsmith.usage_metadata";

/** What LangSmith's OTel export adds to OTel GenAI's earlier attributes. */
export const langSmith: Convention = {
  name: "langsmith",
  kinds: [
    {
      id: "langsmith.kind",
      key: "langsmith.span.kind",
      values: {
        llm: "llm",
        chain: "chain",
        tool: "tool",
        retriever: "retriever",
        embedding: "embedding",
        prompt: "prompt",
        parser: "chain",
      },
    },
  ],
  usage: [
    ...(
      ["uncached", "input", "unreasoned", "output", "total", "cacheRead", "cacheWrite", "reasoning"] as const
    ).map((of) => ({
      id: `langsmith.metadata-${of}`,
      key: usageMetadata,
      class: of,
      details: true as const,
    })),
    { id: "langsmith.cache-read-tokens", key: inputDetails, class: "cacheRead", members: ["cache_read"] },
    {
      id: "langsmith.cache-creation-tokens",
      key: inputDetails,
      class: "cacheWrite",
      members: ["cache_creation"],
    },
    { id: "langsmith.reasoning-tokens", key: outputDetails, class: "reasoning", members: ["reasoning"] },
  ],
  cost: [{ id: "langsmith.cost", keys: [usageMetadata], members: ["total_cost"] }],
  models: [{ id: "langsmith.model", key: `${metadata}.ls_model_name` }],
  providers: [{ id: "langsmith.provider", key: `${metadata}.ls_provider` }],
  sessions: [
    { id: "langsmith.session", key: `${metadata}.session_id`, rank: 3 },
    { id: "langsmith.thread", key: `${metadata}.thread_id`, rank: 4 },
    { id: "langsmith.conversation", key: `${metadata}.conversation_id`, rank: 5 },
  ],
  users: [{ id: "langsmith.user", key: `${metadata}.user_id` }],
  tags: [{ id: "langsmith.tags", key: "langsmith.span.tags" }],
};
