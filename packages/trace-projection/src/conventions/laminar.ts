import type { Convention } from "./convention.js";

const properties = "lmnr.association.properties";

/** Laminar's SDKs, over OTel GenAI's attributes. */
export const laminar: Convention = {
  name: "laminar",
  kinds: [
    {
      id: "laminar.type",
      key: "lmnr.span.type",
      values: {
        LLM: "llm",
        CACHED: "llm",
        TOOL: "tool",
        EXECUTOR: "chain",
        PIPELINE: "chain",
        EVALUATION: "chain",
        EVALUATOR: "evaluator",
        HUMAN_EVALUATOR: "evaluator",
      },
    },
  ],
  input: [{ id: "laminar.input", source: { from: "attribute", key: "lmnr.span.input", shape: "encoded" } }],
  output: [
    { id: "laminar.output", source: { from: "attribute", key: "lmnr.span.output", shape: "encoded" } },
  ],
  sessions: [{ id: "laminar.session", key: `${properties}.session_id`, rank: 3 }],
  users: [{ id: "laminar.user", key: `${properties}.user_id` }],
  tags: [{ id: "laminar.tags", key: `${properties}.tags` }],
  metadata: [{ id: "laminar.metadata", from: "prefix", key: `${properties}.metadata`, except: [] }],
};
