import { ATTR_GEN_AI_OPERATION_NAME } from "@opentelemetry/semantic-conventions/incubating";
import type { Convention } from "./convention.js";

/** Gemini CLI's traces, and those of its forks: OTel GenAI's keys with operations of its own. */
export const geminiCli: Convention = {
  name: "gemini-cli",
  kinds: [
    {
      id: "gemini-cli.operation",
      key: ATTR_GEN_AI_OPERATION_NAME,
      values: {
        llm_call: "llm",
        tool_call: "tool",
        agent_call: "agent",
        user_prompt: "agent",
        system_prompt: "prompt",
        schedule_tool_calls: "chain",
      },
    },
  ],
};
