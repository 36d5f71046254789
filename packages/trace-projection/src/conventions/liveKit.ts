import type { ContentRule, Convention } from "./convention.js";

/** Content was under `lk.`, and is under `lk.pii.` since version 1.7. */
function content(name: string, key: string, shape: "text" | "json"): readonly ContentRule[] {
  return ["lk.pii", "lk"].map((prefix) => ({
    id: `livekit.${name}${prefix === "lk" ? "-before-1.7" : ""}`,
    source: { from: "attribute", key: `${prefix}.${key}`, shape },
  }));
}

/** LiveKit's voice agents. Their calls of models have OTel GenAI's attributes; what was heard and said is on the turns. */
export const liveKit: Convention = {
  name: "livekit",
  kinds: [
    { id: "livekit.turn", key: "lk.generation_id", present: "agent" },
    { id: "livekit.tool", key: "lk.function_tool.name", present: "tool" },
  ],
  input: [
    ...content("user-input", "user_input", "text"),
    ...content("user-transcript", "user_transcript", "text"),
    ...content("chat-context", "chat_ctx", "json"),
    ...content("tool-arguments", "function_tool.arguments", "text"),
  ],
  output: [
    ...content("response-text", "response.text", "text"),
    ...content("tool-output", "function_tool.output", "text"),
  ],
  usage: [
    { id: "livekit.audio-input-tokens", key: "gen_ai.usage.input_audio_tokens", class: "audioInput" },
    { id: "livekit.audio-output-tokens", key: "gen_ai.usage.output_audio_tokens", class: "audioOutput" },
    { id: "livekit.cached-tokens", key: "gen_ai.usage.input_cached_tokens", class: "cacheRead" },
    { id: "livekit.prompt-tokens", key: "lk.llm_metrics", class: "input", members: ["prompt_tokens"] },
    {
      id: "livekit.completion-tokens",
      key: "lk.llm_metrics",
      class: "output",
      members: ["completion_tokens"],
    },
    { id: "livekit.total-tokens", key: "lk.llm_metrics", class: "total", members: ["total_tokens"] },
    {
      id: "livekit.prompt-cached-tokens",
      key: "lk.llm_metrics",
      class: "cacheRead",
      members: ["prompt_cached_tokens"],
    },
  ],
  firstToken: [
    { id: "livekit.time-to-first-token", from: "attribute", key: "lk.response.ttft", units: ["s"] },
  ],
};
