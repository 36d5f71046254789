import type { Convention, UsageRule } from "./convention.js";

const output = "haystack.component.output";

/** Generators have the usage beside the reply, chat generators in it. */
function usage(name: string, of: UsageRule["class"], member: string): readonly UsageRule[] {
  return ["meta.0", "replies.0.meta", "replies.0._meta"].map((path, i) => ({
    id: `haystack.${name}${i === 0 ? "" : `-of-reply-${i}`}`,
    key: output,
    class: of,
    members: [`${path}.usage.${member}`],
  }));
}

/** Haystack's pipelines, where their content is traced. */
export const haystack: Convention = {
  name: "haystack",
  kinds: [
    {
      id: "haystack.component",
      key: "haystack.component.type",
      endings: {
        Generator: "llm",
        Embedder: "embedding",
        Retriever: "retriever",
        Ranker: "reranker",
        Agent: "agent",
        ToolInvoker: "tool",
        Evaluator: "evaluator",
        PromptBuilder: "prompt",
      },
    },
    { id: "haystack.pipeline", key: "haystack.pipeline.max_runs_per_component", present: "chain" },
    { id: "haystack.other-component", key: "haystack.component.name", present: "chain" },
  ],
  input: [
    {
      id: "haystack.pipeline-input",
      source: { from: "attribute", key: "haystack.pipeline.input_data", shape: "json" },
    },
    {
      id: "haystack.component-input",
      source: { from: "attribute", key: "haystack.component.input", shape: "json" },
    },
  ],
  output: [
    {
      id: "haystack.pipeline-output",
      source: { from: "attribute", key: "haystack.pipeline.output_data", shape: "json" },
    },
    { id: "haystack.component-output", source: { from: "attribute", key: output, shape: "json" } },
  ],
  models: ["meta.0", "replies.0.meta", "replies.0._meta"].map((path, i) => ({
    id: `haystack.model${i === 0 ? "" : `-of-reply-${i}`}`,
    key: output,
    member: `${path}.model`,
  })),
  usage: [
    ...usage("prompt-tokens", "input", "prompt_tokens"),
    ...usage("completion-tokens", "output", "completion_tokens"),
    ...usage("total-tokens", "total", "total_tokens"),
    ...usage("cached-tokens", "cacheRead", "prompt_tokens_details.cached_tokens"),
    ...usage("reasoning-tokens", "reasoning", "completion_tokens_details.reasoning_tokens"),
  ],
};
