import type { Convention } from "./convention.js";

const observation = "langfuse.observation";
const usage = `${observation}.usage_details`;
const cost = `${observation}.cost_details`;

/**
 * Langfuse's SDKs, from version 3 of Python's and 4 of JavaScript's. Its own usage classes are disjoint: `input` is
 * without what was cached, `output` without reasoning. Usage objects of providers are passed on as they are. No package ships its keys as constants.
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
    { id: "langfuse.input-tokens", key: usage, class: "uncached", details: true },
    { id: "langfuse.all-input-tokens", key: usage, class: "input", details: true },
    { id: "langfuse.output-tokens", key: usage, class: "unreasoned", details: true },
    { id: "langfuse.all-output-tokens", key: usage, class: "output", details: true },
    { id: "langfuse.total-tokens", key: usage, class: "total", details: true },
    { id: "langfuse.cached-tokens", key: usage, class: "cacheRead", details: true },
    { id: "langfuse.cache-creation-tokens", key: usage, class: "cacheWrite", details: true },
    { id: "langfuse.reasoning-tokens", key: usage, class: "reasoning", details: true },
    { id: "langfuse.audio-input-tokens", key: usage, class: "audioInput", details: true },
    { id: "langfuse.audio-cache-read-tokens", key: usage, class: "audioCacheRead", details: true },
    { id: "langfuse.audio-output-tokens", key: usage, class: "audioOutput", details: true },
    { id: "langfuse.long-cache-write-tokens", key: usage, class: "longCacheWrite", details: true },
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
