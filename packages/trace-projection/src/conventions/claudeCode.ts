import type { Convention } from "./convention.js";

/** What Claude Code's traces say beside OTel GenAI's attributes. Answers are not in them. */
export const claudeCode: Convention = {
  name: "claude-code",
  kinds: [
    {
      id: "claude-code.type",
      key: "span.type",
      values: { interaction: "agent", llm_request: "llm", tool: "tool" },
    },
  ],
  input: [
    { id: "claude-code.user-prompt", source: { from: "attribute", key: "user_prompt", shape: "text" } },
  ],
  // `ttft_ms` is when the stream's header came.
  firstToken: [
    { id: "claude-code.first-content", from: "attribute", key: "first_content_ms", units: ["ms"] },
  ],
};
