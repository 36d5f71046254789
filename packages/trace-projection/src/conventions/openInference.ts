import {
  EMBEDDING_EMBEDDINGS,
  EMBEDDING_MODEL_NAME,
  INPUT_MIME_TYPE,
  INPUT_VALUE,
  LLM_COST_COMPLETION,
  LLM_COST_PROMPT,
  LLM_COST_TOTAL,
  LLM_INPUT_MESSAGES,
  LLM_MODEL_NAME,
  LLM_OUTPUT_MESSAGES,
  LLM_PROMPTS,
  LLM_PROVIDER,
  LLM_REQUEST_MODEL_NAME,
  LLM_RESPONSE_MODEL_NAME,
  LLM_SYSTEM,
  LLM_TOKEN_COUNT_COMPLETION,
  LLM_TOKEN_COUNT_COMPLETION_DETAILS_REASONING,
  LLM_TOKEN_COUNT_PROMPT,
  LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_INPUT,
  LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ,
  LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_WRITE,
  LLM_TOKEN_COUNT_TOTAL,
  METADATA,
  OUTPUT_MIME_TYPE,
  OUTPUT_VALUE,
  RERANKER_MODEL_NAME,
  RERANKER_QUERY,
  RETRIEVAL_DOCUMENTS,
  SESSION_ID,
  SemanticConventions,
  TAG_TAGS,
  TOOL_PARAMETERS,
  USER_ID,
} from "@arizeai/openinference-semantic-conventions";
import { type Convention, standardTiers } from "./convention.js";

/** OpenInference, as Arize's instrumentations of LangChain, LlamaIndex, the OpenAI SDK and others emit it. */
export const openInference: Convention = {
  name: "openinference",
  kinds: [
    {
      id: "openinference.kind",
      key: SemanticConventions.OPENINFERENCE_SPAN_KIND,
      values: {
        LLM: "llm",
        CHAIN: "chain",
        TOOL: "tool",
        AGENT: "agent",
        RETRIEVER: "retriever",
        EMBEDDING: "embedding",
        RERANKER: "reranker",
        GUARDRAIL: "guardrail",
        EVALUATOR: "evaluator",
        PROMPT: "prompt",
      },
    },
  ],
  input: [
    {
      id: "openinference.input-messages",
      source: { from: "indexed", key: LLM_INPUT_MESSAGES, unwrap: "message" },
    },
    {
      id: "openinference.prompts",
      source: { from: "indexedText", key: LLM_PROMPTS, path: ["prompt", "text"] },
    },
    {
      id: "openinference.input-value",
      source: { from: "attribute", key: INPUT_VALUE, shape: "json", mimeTypeKey: INPUT_MIME_TYPE },
    },
    {
      id: "openinference.embedding-text",
      source: { from: "indexedText", key: EMBEDDING_EMBEDDINGS, path: ["embedding", "text"] },
    },
    { id: "openinference.reranker-query", source: { from: "attribute", key: RERANKER_QUERY, shape: "text" } },
    {
      id: "openinference.tool-parameters",
      source: { from: "attribute", key: TOOL_PARAMETERS, shape: "text" },
    },
  ],
  output: [
    {
      id: "openinference.output-messages",
      source: { from: "indexed", key: LLM_OUTPUT_MESSAGES, unwrap: "message" },
      pick: "first",
    },
    {
      id: "openinference.choices",
      source: { from: "indexedText", key: "llm.choices", path: ["completion", "text"] },
    },
    {
      id: "openinference.output-value",
      source: { from: "attribute", key: OUTPUT_VALUE, shape: "json", mimeTypeKey: OUTPUT_MIME_TYPE },
    },
    {
      id: "openinference.retrieval-documents",
      source: { from: "indexedText", key: RETRIEVAL_DOCUMENTS, path: ["document", "content"] },
    },
  ],
  models: [
    { id: "openinference.response-model", key: LLM_RESPONSE_MODEL_NAME },
    { id: "openinference.model", key: LLM_MODEL_NAME },
    { id: "openinference.request-model", key: LLM_REQUEST_MODEL_NAME },
    { id: "openinference.embedding-model", key: EMBEDDING_MODEL_NAME },
    { id: "openinference.reranker-model", key: RERANKER_MODEL_NAME },
  ],
  providers: [
    { id: "openinference.provider", key: LLM_PROVIDER },
    { id: "openinference.system", key: LLM_SYSTEM },
  ],
  usage: [
    { id: "openinference.prompt-tokens", key: LLM_TOKEN_COUNT_PROMPT, class: "input" },
    { id: "openinference.completion-tokens", key: LLM_TOKEN_COUNT_COMPLETION, class: "output" },
    { id: "openinference.total-tokens", key: LLM_TOKEN_COUNT_TOTAL, class: "total" },
    {
      id: "openinference.cache-read-tokens",
      key: LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ,
      class: "cacheRead",
    },
    {
      id: "openinference.cache-input-tokens",
      key: LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_INPUT,
      class: "cacheRead",
    },
    {
      id: "openinference.cache-write-tokens",
      key: LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_WRITE,
      class: "cacheWrite",
    },
    {
      id: "openinference.audio-input-tokens",
      key: "llm.token_count.prompt_details.audio",
      class: "audioInput",
    },
    {
      id: "openinference.audio-output-tokens",
      key: "llm.token_count.completion_details.audio",
      class: "audioOutput",
    },
    {
      id: "openinference.reasoning-tokens",
      key: LLM_TOKEN_COUNT_COMPLETION_DETAILS_REASONING,
      class: "reasoning",
    },
  ],
  cost: [
    { id: "openinference.cost-total", keys: [LLM_COST_TOTAL] },
    { id: "openinference.cost-parts", keys: [LLM_COST_PROMPT, LLM_COST_COMPLETION] },
  ],
  tiers: [
    {
      id: "openinference.service-tier",
      key: "llm.invocation_parameters",
      member: "service_tier",
      standard: standardTiers,
    },
  ],
  firstToken: [
    { id: "openinference.first-token", from: "event", key: "First Token Stream Event" },
    { id: "openinference.completion-chunk", from: "event", key: "llm.content.completion.chunk" },
  ],
  sessions: [{ id: "openinference.session", key: SESSION_ID, rank: 1 }],
  users: [{ id: "openinference.user", key: USER_ID }],
  tags: [{ id: "openinference.tags", key: TAG_TAGS }],
  metadata: [{ id: "openinference.metadata", from: "attribute", key: METADATA }],
};
