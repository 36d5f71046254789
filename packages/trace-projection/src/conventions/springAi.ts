import type { Convention } from "./convention.js";

/** What Spring AI says of the spans around its calls of models. Those have OTel GenAI's keys. */
export const springAi: Convention = {
  name: "spring-ai",
  kinds: [
    {
      id: "spring-ai.kind",
      key: "spring.ai.kind",
      values: { chat_client: "chain", advisor: "chain", tool_call: "tool", vector_store: "retriever" },
    },
  ],
  // Of a chat client with a memory.
  sessions: [{ id: "spring-ai.conversation", key: "spring.ai.chat.client.conversation.id", rank: 3 }],
};
