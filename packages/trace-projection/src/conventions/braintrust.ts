import type { Convention } from "./convention.js";

const metrics = "braintrust.metrics";
const metadata = "braintrust.metadata";

/** Braintrust's OTel SDKs: a JSON object for each of what went in, what came out, metrics and metadata. */
export const braintrust: Convention = {
  name: "braintrust",
  kinds: [
    {
      id: "braintrust.type",
      key: "braintrust.span_attributes",
      member: "type",
      values: {
        llm: "llm",
        tool: "tool",
        task: "chain",
        function: "chain",
        eval: "chain",
        score: "evaluator",
      },
    },
  ],
  input: [
    {
      id: "braintrust.input-json",
      source: { from: "attribute", key: "braintrust.input_json", shape: "encoded" },
    },
    { id: "braintrust.input", source: { from: "attribute", key: "braintrust.input", shape: "json" } },
  ],
  output: [
    {
      id: "braintrust.output-json",
      source: { from: "attribute", key: "braintrust.output_json", shape: "encoded" },
    },
    { id: "braintrust.output", source: { from: "attribute", key: "braintrust.output", shape: "json" } },
  ],
  models: [{ id: "braintrust.model", key: metadata, member: "model" }],
  providers: [{ id: "braintrust.provider", key: metadata, member: "provider" }],
  usage: [
    { id: "braintrust.prompt-tokens", key: metrics, class: "input", members: ["prompt_tokens"] },
    { id: "braintrust.completion-tokens", key: metrics, class: "output", members: ["completion_tokens"] },
    { id: "braintrust.tokens", key: metrics, class: "total", members: ["tokens"] },
    { id: "braintrust.cached-tokens", key: metrics, class: "cacheRead", members: ["prompt_cached_tokens"] },
    {
      id: "braintrust.cache-creation-tokens",
      key: metrics,
      class: "cacheWrite",
      members: ["prompt_cache_creation_tokens"],
    },
    {
      id: "braintrust.reasoning-tokens",
      key: metrics,
      class: "reasoning",
      members: ["completion_reasoning_tokens"],
    },
  ],
  firstToken: [
    {
      id: "braintrust.time-to-first-token",
      from: "attribute",
      key: metrics,
      member: "time_to_first_token",
      units: ["s"],
    },
  ],
  tags: [{ id: "braintrust.tags", key: "braintrust.tags" }],
};
