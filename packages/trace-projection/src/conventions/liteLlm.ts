import type { Convention } from "./convention.js";

/**
 * What LiteLLM's proxy and SDK say beside OTel GenAI's attributes. The operation is the name of the Python function that was
 * called. The cost is what LiteLLM charges, whatever the deployment is called.
 */
export const liteLlm: Convention = {
  name: "litellm",
  kinds: ["gen_ai.operation.name", "llm.request.type"].map((key, i) => ({
    id: i === 0 ? "litellm.operation" : "litellm.request-type",
    key,
    values: {
      acompletion: "llm",
      completion: "llm",
      atext_completion: "llm",
      aresponses: "llm",
      responses: "llm",
      anthropic_messages: "llm",
      agenerate_content: "llm",
      aembedding: "embedding",
      embedding: "embedding",
      arerank: "reranker",
      rerank: "reranker",
    },
  })),
  cost: [
    { id: "litellm.cost-total", keys: ["gen_ai.cost.total_cost"] },
    { id: "litellm.cost", keys: ["litellm.cost.total"] },
    { id: "litellm.cost-parts", keys: ["gen_ai.cost.input_cost", "gen_ai.cost.output_cost"] },
    { id: "litellm.response-cost", keys: ["hidden_params"], members: ["response_cost"] },
  ],
  users: [{ id: "litellm.end-user", key: "metadata.user_api_key_end_user_id" }],
};
