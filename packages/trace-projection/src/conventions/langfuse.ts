import type { Convention } from "./convention.js";

const observation = "langfuse.observation";
const usage = `${observation}.usage_details`;
const cost = `${observation}.cost_details`;

/**
 * Langfuse's SDKs, from version 3 of Python's and 4 of JavaScript's. Its usage classes are disjoint: `input` is without what
 * was cached, `output` without reasoning. No package ships its keys as constants.
 */
export const langfuse: Convention = {
  name: "langfuse",
  kinds: [
    {
      id: "langfuse.type",
      key: `${observation}.type`,
      values: {
        generation: "llm",
        embedding: "embedding",
        agent: "agent",
        tool: "tool",
        chain: "chain",
        retriever: "retriever",
        guardrail: "guardrail",
        evaluator: "evaluator",
      },
    },
  ],
  input: [
    {
      id: "langfuse.trace-input",
      source: { from: "attribute", key: "langfuse.trace.input", shape: "json" },
    },
    {
      id: "langfuse.input",
      source: { from: "attribute", key: `${observation}.input`, shape: "json" },
    },
  ],
  output: [
    {
      id: "langfuse.trace-output",
      source: { from: "attribute", key: "langfuse.trace.output", shape: "json" },
    },
    {
      id: "langfuse.output",
      source: { from: "attribute", key: `${observation}.output`, shape: "json" },
    },
  ],
  models: [{ id: "langfuse.model", key: `${observation}.model.name` }],
  usage: [
    {
      id: "langfuse.input-tokens",
      key: usage,
      class: "uncached",
      members: ["input", "input_audio_tokens", "input_audio"],
    },
    {
      id: "langfuse.output-tokens",
      key: usage,
      class: "unreasoned",
      members: ["output", "output_audio_tokens", "output_audio"],
    },
    { id: "langfuse.total-tokens", key: usage, class: "total", members: ["total"] },
    {
      id: "langfuse.cached-tokens",
      key: usage,
      class: "cacheRead",
      members: ["input_cached_tokens", "input_cache_read", "cache_read_input_tokens"],
    },
    {
      id: "langfuse.cache-creation-tokens",
      key: usage,
      class: "cacheWrite",
      members: ["input_cache_creation", "cache_creation_input_tokens"],
    },
    {
      id: "langfuse.reasoning-tokens",
      key: usage,
      class: "reasoning",
      members: ["output_reasoning_tokens", "output_reasoning"],
    },
  ],
  cost: [
    { id: "langfuse.cost-total", keys: [cost], members: ["total"] },
    { id: "langfuse.cost-parts", keys: [cost], members: "all" },
  ],
  firstToken: [
    { id: "langfuse.completion-start", from: "instant", key: `${observation}.completion_start_time` },
  ],
  errors: [
    {
      id: "langfuse.level",
      key: `${observation}.level`,
      value: "ERROR",
      messageKey: `${observation}.status_message`,
    },
  ],
  sessions: [{ id: "langfuse.session", key: "langfuse.session.id", rank: 0 }],
  users: [{ id: "langfuse.user", key: "langfuse.user.id" }],
  traceNames: [{ id: "langfuse.trace-name", key: "langfuse.trace.name" }],
  // The shorter names are those that Langfuse documents for any OTel SDK.
  tags: [
    { id: "langfuse.trace-tags", key: "langfuse.trace.tags" },
    { id: "langfuse.tags", key: "langfuse.tags" },
  ],
  metadata: [
    { id: "langfuse.trace-metadata", from: "prefix", key: "langfuse.trace.metadata", except: [] },
    { id: "langfuse.metadata", from: "prefix", key: "langfuse.metadata", except: [] },
    { id: "langfuse.metadata-json", from: "attribute", key: "langfuse.metadata" },
    { id: "langfuse.trace-metadata-json", from: "attribute", key: "langfuse.trace.metadata" },
  ],
};
