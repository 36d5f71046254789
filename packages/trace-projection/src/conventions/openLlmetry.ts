import { ATTR_GEN_AI_COMPLETION, ATTR_GEN_AI_PROMPT } from "@opentelemetry/semantic-conventions/incubating";
import { SpanAttributes } from "@traceloop/ai-semantic-conventions";
import type { Convention } from "./convention.js";

const properties = SpanAttributes.TRACELOOP_ASSOCIATION_PROPERTIES;

/** OpenLLMetry by Traceloop. Model, provider and the plain token counts are OTel GenAI's own keys. */
export const openLlmetry: Convention = {
  name: "openllmetry",
  kinds: [
    {
      id: "openllmetry.kind",
      key: SpanAttributes.TRACELOOP_SPAN_KIND,
      values: {
        workflow: "chain",
        task: "chain",
        session: "chain",
        agent: "agent",
        tool: "tool",
        llm: "llm",
      },
    },
    {
      id: "openllmetry.request-type",
      key: SpanAttributes.LLM_REQUEST_TYPE,
      values: { chat: "llm", completion: "llm", rerank: "reranker", embedding: "embedding" },
    },
  ],
  input: [
    { id: "openllmetry.prompts", source: { from: "indexed", key: ATTR_GEN_AI_PROMPT } },
    {
      id: "openllmetry.entity-input",
      source: { from: "attribute", key: SpanAttributes.TRACELOOP_ENTITY_INPUT, shape: "call" },
    },
  ],
  output: [
    {
      id: "openllmetry.completions",
      source: { from: "indexed", key: ATTR_GEN_AI_COMPLETION },
      pick: "first",
    },
    {
      id: "openllmetry.entity-output",
      source: { from: "attribute", key: SpanAttributes.TRACELOOP_ENTITY_OUTPUT, shape: "encoded" },
    },
  ],
  usage: [
    { id: "openllmetry.total-tokens", key: SpanAttributes.LLM_USAGE_TOTAL_TOKENS, class: "total" },
    { id: "openllmetry.gen-ai-total-tokens", key: SpanAttributes.GEN_AI_USAGE_TOTAL_TOKENS, class: "total" },
    {
      id: "openllmetry.cache-read-tokens",
      key: SpanAttributes.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
      class: "cacheRead",
      rawAnthropic: true,
    },
    {
      id: "openllmetry.cache-creation-tokens",
      key: SpanAttributes.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
      class: "cacheWrite",
      rawAnthropic: true,
    },
    {
      id: "openllmetry.reasoning-tokens",
      key: SpanAttributes.GEN_AI_USAGE_REASONING_TOKENS,
      class: "reasoning",
    },
  ],
  sessions: [
    { id: "openllmetry.session", key: `${properties}.session_id`, rank: 3 },
    { id: "openllmetry.thread", key: `${properties}.thread_id`, rank: 4 },
    { id: "openllmetry.conversation", key: `${properties}.conversation_id`, rank: 5 },
    { id: "openllmetry.chat", key: `${properties}.chat_id`, rank: 6 },
  ],
  users: [{ id: "openllmetry.user", key: `${properties}.user_id` }],
  metadata: [
    {
      id: "openllmetry.properties",
      from: "prefix",
      key: properties,
      except: ["session_id", "user_id", "thread_id", "conversation_id", "chat_id"],
    },
  ],
};
