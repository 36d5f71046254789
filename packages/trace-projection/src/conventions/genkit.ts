import type { Convention } from "./convention.js";

const subtype = "genkit:metadata:subtype";
const output = "genkit:output";

/** Genkit's actions. A model's name is the action's; its usage is in what the action gives. */
export const genkit: Convention = {
  name: "genkit",
  kinds: [
    {
      id: "genkit.subtype",
      key: subtype,
      values: {
        model: "llm",
        "background-model": "llm",
        embedder: "embedding",
        flow: "chain",
        tool: "tool",
        retriever: "retriever",
        indexer: "retriever",
        reranker: "reranker",
        evaluator: "evaluator",
        prompt: "prompt",
        "executable-prompt": "prompt",
        agent: "agent",
      },
    },
    { id: "genkit.type", key: "genkit:type", values: { util: "chain", flowStep: "chain" } },
  ],
  input: [{ id: "genkit.input", source: { from: "attribute", key: "genkit:input", shape: "encoded" } }],
  output: [{ id: "genkit.output", source: { from: "attribute", key: output, shape: "encoded" } }],
  models: [{ id: "genkit.model", key: "genkit:name", when: { key: subtype, value: "model" } }],
  usage: [
    { id: "genkit.input-tokens", key: output, class: "input", members: ["usage.inputTokens"] },
    { id: "genkit.output-tokens", key: output, class: "output", members: ["usage.outputTokens"] },
    { id: "genkit.total-tokens", key: output, class: "total", members: ["usage.totalTokens"] },
    {
      id: "genkit.cached-tokens",
      key: output,
      class: "cacheRead",
      members: ["usage.cachedContentTokens"],
    },
    { id: "genkit.thoughts-tokens", key: output, class: "reasoning", members: ["usage.thoughtsTokens"] },
  ],
  errors: [{ id: "genkit.state", key: "genkit:state", value: "error" }],
};
