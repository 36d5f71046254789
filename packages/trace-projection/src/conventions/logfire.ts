import type { Convention } from "./convention.js";

/**
 * Pydantic AI and Logfire's own instrumentations of model clients. Model, provider, tokens and the newer message lists are
 * OTel GenAI's.
 */
export const logfire: Convention = {
  name: "logfire",
  input: [
    {
      id: "logfire.all-messages",
      source: { from: "attribute", key: "pydantic_ai.all_messages", shape: "messages" },
    },
    {
      id: "logfire.all-messages-events",
      source: { from: "attribute", key: "all_messages_events", shape: "messages" },
    },
    { id: "logfire.request-data", source: { from: "attribute", key: "request_data", shape: "json" } },
  ],
  output: [
    { id: "logfire.final-result", source: { from: "attribute", key: "final_result", shape: "json" } },
    { id: "logfire.response-data", source: { from: "attribute", key: "response_data", shape: "json" } },
  ],
  tags: [{ id: "logfire.tags", key: "logfire.tags" }],
};
