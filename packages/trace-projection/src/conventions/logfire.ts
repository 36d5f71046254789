import type { Convention } from "./convention.js";

/**
 * Pydantic AI and Logfire's own instrumentations of model clients. Model, provider, tokens and the newer message lists are
 * OTel GenAI's.
 */
export const logfire: Convention = {
  name: "logfire",
  kinds: [{ id: "logfire.tool", key: "tool_response", present: "tool" }],
  input: [
    {
      id: "logfire.all-messages",
      source: { from: "attribute", key: "pydantic_ai.all_messages", shape: "messages" },
    },
    {
      id: "logfire.all-messages-events",
      source: { from: "attribute", key: "all_messages_events", shape: "messages" },
    },
    { id: "logfire.events", source: { from: "attribute", key: "events", shape: "events" } },
    { id: "logfire.raw-input", source: { from: "attribute", key: "raw_input", shape: "messages" } },
    {
      id: "logfire.tool-arguments",
      source: { from: "attribute", key: "tool_arguments", shape: "text" },
    },
    { id: "logfire.request-data", source: { from: "attribute", key: "request_data", shape: "json" } },
  ],
  output: [
    { id: "logfire.output-events", source: { from: "attribute", key: "events", shape: "events" } },
    { id: "logfire.tool-response", source: { from: "attribute", key: "tool_response", shape: "text" } },
    { id: "logfire.final-result", source: { from: "attribute", key: "final_result", shape: "json" } },
    { id: "logfire.response-data", source: { from: "attribute", key: "response_data", shape: "json" } },
  ],
  // Pydantic AI's, before 1.60 the only ones. Its input includes the cached tokens.
  usage: [
    {
      id: "logfire.cache-read-tokens",
      key: "gen_ai.usage.details.cache_read_tokens",
      class: "cacheRead",
    },
    {
      id: "logfire.cache-write-tokens",
      key: "gen_ai.usage.details.cache_write_tokens",
      class: "cacheWrite",
    },
    {
      id: "logfire.details-cache-read-tokens",
      key: "gen_ai.usage.details.cache_read_input_tokens",
      class: "cacheRead",
    },
    {
      id: "logfire.details-cache-creation-tokens",
      key: "gen_ai.usage.details.cache_creation_input_tokens",
      class: "cacheWrite",
    },
    { id: "logfire.cached-tokens", key: "gen_ai.usage.details.cached_tokens", class: "cacheRead" },
    {
      id: "logfire.audio-input-tokens",
      key: "gen_ai.usage.details.input_audio_tokens",
      class: "audioInput",
    },
    {
      id: "logfire.audio-cache-read-tokens",
      key: "gen_ai.usage.details.cache_audio_read_tokens",
      class: "audioCacheRead",
    },
    {
      id: "logfire.audio-output-tokens",
      key: "gen_ai.usage.details.output_audio_tokens",
      class: "audioOutput",
    },
    {
      id: "logfire.long-cache-write-tokens",
      key: "gen_ai.usage.details.ephemeral_1h_input_tokens",
      class: "longCacheWrite",
    },
    { id: "logfire.reasoning-tokens", key: "gen_ai.usage.details.reasoning_tokens", class: "reasoning" },
    { id: "logfire.thoughts-tokens", key: "gen_ai.usage.details.thoughts_tokens", class: "reasoning" },
  ],
  cost: [{ id: "logfire.cost", keys: ["operation.cost"] }],
  tags: [{ id: "logfire.tags", key: "logfire.tags" }],
};
