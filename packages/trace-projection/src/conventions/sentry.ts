import type { Convention } from "./convention.js";

/** Sentry's integrations of model clients, by the attributes of its own conventions that are not OTel GenAI's. */
export const sentry: Convention = {
  name: "sentry",
  kinds: [
    {
      id: "sentry.op",
      key: "sentry.op",
      values: {
        "gen_ai.chat": "llm",
        "gen_ai.completion": "llm",
        "gen_ai.generate_text": "llm",
        "gen_ai.stream_text": "llm",
        "gen_ai.generate_object": "llm",
        "gen_ai.generate_content": "llm",
        "gen_ai.responses": "llm",
        "gen_ai.messages": "llm",
        "gen_ai.embeddings": "embedding",
        "gen_ai.execute_tool": "tool",
        "gen_ai.invoke_agent": "agent",
        "gen_ai.create_agent": "agent",
      },
    },
  ],
  input: [
    {
      id: "sentry.request-messages",
      source: { from: "attribute", key: "gen_ai.request.messages", shape: "messages" },
    },
    { id: "sentry.tool-input", source: { from: "attribute", key: "gen_ai.tool.input", shape: "json" } },
    {
      id: "sentry.embeddings-input",
      source: { from: "attribute", key: "gen_ai.embeddings.input", shape: "json" },
    },
  ],
  output: [
    {
      id: "sentry.response-text",
      source: { from: "attribute", key: "gen_ai.response.text", shape: "json", unlessEmpty: true },
    },
    {
      id: "sentry.response-tool-calls",
      source: { from: "attribute", key: "gen_ai.response.tool_calls", shape: "json", unlessEmpty: true },
    },
    { id: "sentry.tool-output", source: { from: "attribute", key: "gen_ai.tool.output", shape: "json" } },
  ],
};
