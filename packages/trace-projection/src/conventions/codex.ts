import type { Convention } from "./convention.js";

/**
 * What OpenAI's Codex says beside OTel GenAI's attributes, which the spans of its model's answers have. A turn sums up what its
 * answers took. What was said is in log records only.
 */
export const codex: Convention = {
  name: "codex",
  kinds: [
    { id: "codex.turn", key: "codex.turn.reasoning_effort", present: "agent" },
    { id: "codex.response", key: "codex.usage.total_tokens", present: "llm" },
  ],
  models: [
    {
      id: "codex.turn-model",
      key: "model",
      when: { key: "codex.turn.reasoning_effort", is: "present" },
    },
  ],
  sessions: [{ id: "codex.thread", key: "thread.id", rank: 4 }],
  usage: [
    { id: "codex.total-tokens", key: "codex.usage.total_tokens", class: "total" },
    { id: "codex.reasoning-tokens", key: "codex.usage.reasoning_output_tokens", class: "reasoning" },
    { id: "codex.turn-input-tokens", key: "codex.turn.token_usage.input_tokens", class: "input" },
    { id: "codex.turn-cached-tokens", key: "codex.turn.token_usage.cached_input_tokens", class: "cacheRead" },
    { id: "codex.turn-output-tokens", key: "codex.turn.token_usage.output_tokens", class: "output" },
    {
      id: "codex.turn-reasoning-tokens",
      key: "codex.turn.token_usage.reasoning_output_tokens",
      class: "reasoning",
    },
    { id: "codex.turn-total-tokens", key: "codex.turn.token_usage.total_tokens", class: "total" },
  ],
};
