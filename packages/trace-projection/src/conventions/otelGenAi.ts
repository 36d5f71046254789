import {
  ATTR_ENDUSER_ID,
  ATTR_ENDUSER_PSEUDO_ID,
  ATTR_GEN_AI_COMPLETION,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_PROMPT,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_MODEL,
  ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  ATTR_GEN_AI_RETRIEVAL_DOCUMENTS,
  ATTR_GEN_AI_RETRIEVAL_QUERY_TEXT,
  ATTR_GEN_AI_SYSTEM,
  ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
  ATTR_GEN_AI_TOOL_CALL_ARGUMENTS,
  ATTR_GEN_AI_TOOL_CALL_RESULT,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_COMPLETION_TOKENS,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_PROMPT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  ATTR_USER_ID,
  EVENT_GEN_AI_ASSISTANT_MESSAGE,
  EVENT_GEN_AI_CHOICE,
  EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS,
  EVENT_GEN_AI_SYSTEM_MESSAGE,
  EVENT_GEN_AI_TOOL_MESSAGE,
  EVENT_GEN_AI_USER_MESSAGE,
} from "@opentelemetry/semantic-conventions/incubating";
import { type Convention, standardTiers } from "./convention.js";

/** Frameworks put their own name, or their service's, where they don't know whose model they call. */
const noProvider = {
  except: [
    "ag2",
    "agno",
    "autogen",
    "crewai",
    "dspy",
    "haystack",
    "langchain",
    "LangChain",
    "langgraph",
    "llamaindex",
    "microsoft.agent_framework",
    "microsoft.semantic_kernel",
    "openai_agents",
    "pydantic_ai",
    "semantic_kernel",
    "smolagents",
    "spring_ai",
    "strands-agents",
    "traceloop",
  ],
  exceptService: true,
} as const;

/** OpenTelemetry's GenAI semantic conventions, with the attributes and events of their earlier versions. */
export const otelGenAi: Convention = {
  name: "otel-gen-ai",
  kinds: [
    {
      id: "otel-gen-ai.operation",
      key: ATTR_GEN_AI_OPERATION_NAME,
      values: {
        chat: "llm",
        text_completion: "llm",
        generate_content: "llm",
        embeddings: "embedding",
        // Spring AI's name for it.
        embedding: "embedding",
        execute_tool: "tool",
        invoke_agent: "agent",
        create_agent: "agent",
        invoke_workflow: "chain",
        plan: "chain",
        // What version 7 of the AI SDK and Mastra call one round of an agent.
        agent_step: "chain",
        workflow: "chain",
        rerank: "reranker",
        retrieval: "retriever",
      },
    },
  ],
  input: [
    {
      id: "otel-gen-ai.input-messages",
      source: {
        from: "attribute",
        key: ATTR_GEN_AI_INPUT_MESSAGES,
        shape: "messages",
        systemKey: ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
      },
    },
    {
      id: "otel-gen-ai.details-input-messages",
      source: {
        from: "event",
        key: EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS,
        event: EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS,
        attribute: ATTR_GEN_AI_INPUT_MESSAGES,
        shape: "messages",
        systemAttribute: ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
      },
    },
    {
      id: "otel-gen-ai.message-events",
      source: {
        from: "messageEvents",
        key: "gen_ai.*.message",
        events: {
          [EVENT_GEN_AI_SYSTEM_MESSAGE]: "system",
          [EVENT_GEN_AI_USER_MESSAGE]: "user",
          [EVENT_GEN_AI_ASSISTANT_MESSAGE]: "assistant",
          [EVENT_GEN_AI_TOOL_MESSAGE]: "tool",
        },
      },
    },
    {
      id: "otel-gen-ai.prompt-event",
      source: {
        from: "event",
        key: "gen_ai.content.prompt",
        event: "gen_ai.content.prompt",
        attribute: ATTR_GEN_AI_PROMPT,
        shape: "json",
      },
    },
    {
      // Cloudflare's gateway and Ruby's instrumentations.
      id: "otel-gen-ai.prompt-json",
      source: { from: "attribute", key: "gen_ai.prompt_json", shape: "json" },
    },
    { id: "otel-gen-ai.prompt", source: { from: "attribute", key: ATTR_GEN_AI_PROMPT, shape: "json" } },
    {
      id: "otel-gen-ai.retrieval-query",
      source: { from: "attribute", key: ATTR_GEN_AI_RETRIEVAL_QUERY_TEXT, shape: "text" },
    },
    {
      id: "otel-gen-ai.tool-arguments",
      source: { from: "attribute", key: ATTR_GEN_AI_TOOL_CALL_ARGUMENTS, shape: "text" },
    },
    {
      // Instructions are no question: an agent's never hide what its calls were asked.
      id: "otel-gen-ai.system-instructions",
      source: { from: "attribute", key: ATTR_GEN_AI_SYSTEM_INSTRUCTIONS, shape: "json" },
      weak: true,
    },
  ],
  output: [
    {
      id: "otel-gen-ai.output-messages",
      source: { from: "attribute", key: ATTR_GEN_AI_OUTPUT_MESSAGES, shape: "messages" },
      pick: "first",
    },
    {
      id: "otel-gen-ai.details-output-messages",
      source: {
        from: "event",
        key: EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS,
        event: EVENT_GEN_AI_CLIENT_INFERENCE_OPERATION_DETAILS,
        attribute: ATTR_GEN_AI_OUTPUT_MESSAGES,
        shape: "messages",
      },
      pick: "first",
    },
    {
      id: "otel-gen-ai.choice-events",
      source: {
        from: "messageEvents",
        key: EVENT_GEN_AI_CHOICE,
        events: { [EVENT_GEN_AI_CHOICE]: "assistant" },
      },
      pick: "first",
    },
    {
      id: "otel-gen-ai.completion-event",
      source: {
        from: "event",
        key: "gen_ai.content.completion",
        event: "gen_ai.content.completion",
        attribute: ATTR_GEN_AI_COMPLETION,
        shape: "json",
      },
    },
    {
      id: "otel-gen-ai.completion-json",
      source: { from: "attribute", key: "gen_ai.completion_json", shape: "json" },
    },
    {
      id: "otel-gen-ai.completion",
      source: { from: "attribute", key: ATTR_GEN_AI_COMPLETION, shape: "json" },
    },
    {
      id: "otel-gen-ai.retrieval-documents",
      source: { from: "attribute", key: ATTR_GEN_AI_RETRIEVAL_DOCUMENTS, shape: "json" },
    },
    {
      id: "otel-gen-ai.tool-result",
      source: { from: "attribute", key: ATTR_GEN_AI_TOOL_CALL_RESULT, shape: "text" },
    },
  ],
  models: [
    { id: "otel-gen-ai.response-model", key: ATTR_GEN_AI_RESPONSE_MODEL },
    { id: "otel-gen-ai.request-model", key: ATTR_GEN_AI_REQUEST_MODEL },
  ],
  providers: [
    { id: "otel-gen-ai.provider", key: ATTR_GEN_AI_PROVIDER_NAME, ...noProvider },
    { id: "otel-gen-ai.system", key: ATTR_GEN_AI_SYSTEM, ...noProvider },
    { id: "otel-gen-ai.model-provider", key: "gen_ai.model.provider", ...noProvider },
  ],
  usage: [
    { id: "otel-gen-ai.input-tokens", key: ATTR_GEN_AI_USAGE_INPUT_TOKENS, class: "input" },
    { id: "otel-gen-ai.prompt-tokens", key: ATTR_GEN_AI_USAGE_PROMPT_TOKENS, class: "input" },
    { id: "otel-gen-ai.output-tokens", key: ATTR_GEN_AI_USAGE_OUTPUT_TOKENS, class: "output" },
    { id: "otel-gen-ai.completion-tokens", key: ATTR_GEN_AI_USAGE_COMPLETION_TOKENS, class: "output" },
    {
      id: "otel-gen-ai.cache-read-tokens",
      key: ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
      class: "cacheRead",
    },
    {
      id: "otel-gen-ai.cache-creation-tokens",
      key: ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
      class: "cacheWrite",
    },
    {
      id: "otel-gen-ai.reasoning-tokens",
      key: ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
      class: "reasoning",
    },
    {
      id: "otel-gen-ai.cache-write-tokens",
      key: "gen_ai.usage.cache_write.input_tokens",
      class: "cacheWrite",
    },
    { id: "otel-gen-ai.input-tokens-cached", key: "gen_ai.usage.input_tokens.cached", class: "cacheRead" },
    {
      id: "otel-gen-ai.input-tokens-cache-write",
      key: "gen_ai.usage.input_tokens.cache_write",
      class: "cacheWrite",
    },
    { id: "otel-gen-ai.cached-tokens", key: "gen_ai.usage.cached_tokens", class: "cacheRead" },
    {
      // Langfuse's names, under OTel GenAI's.
      id: "otel-gen-ai.input-cache-read",
      key: "gen_ai.usage.input_cache_read",
      class: "cacheRead",
    },
    {
      id: "otel-gen-ai.input-cache-creation",
      key: "gen_ai.usage.input_cache_creation",
      class: "cacheWrite",
    },
    {
      // Google's kit for Python: thoughts come on top of the output.
      id: "otel-gen-ai.experimental-reasoning-tokens",
      key: "gen_ai.usage.experimental.reasoning_tokens",
      class: "reasoning",
    },
    {
      id: "otel-gen-ai.output-tokens-reasoning",
      key: "gen_ai.usage.output_tokens.reasoning",
      class: "reasoning",
    },
  ],
  cost: [
    { id: "otel-gen-ai.cost", keys: ["gen_ai.usage.cost"] },
    { id: "otel-gen-ai.cost-usd", keys: ["gen_ai.usage.cost_usd"] },
  ],
  // What answered before what was asked for.
  tiers: [
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
    "aws.bedrock.response.service_tier",
    "openai.request.service_tier",
    "gen_ai.openai.request.service_tier",
    "gen_ai.request.service_tier",
  ].map((key) => ({ id: `otel-gen-ai.${key.replaceAll(/[._]/g, "-")}`, key, standard: standardTiers })),
  firstToken: [
    {
      id: "otel-gen-ai.time-to-first-chunk",
      from: "attribute",
      key: ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
      units: ["s"],
    },
    {
      id: "otel-gen-ai.operation-time-to-first-chunk",
      from: "attribute",
      key: "gen_ai.client.operation.time_to_first_chunk",
      units: ["s"],
    },
    {
      // As the metric of this name has it. Others that put it on spans have milliseconds.
      id: "otel-gen-ai.openlit-time-to-first-token",
      from: "attribute",
      key: "gen_ai.server.time_to_first_token",
      units: ["s"],
      when: { key: "telemetry.sdk.name", value: "openlit" },
    },
    {
      id: "otel-gen-ai.time-to-first-token",
      from: "attribute",
      key: "gen_ai.server.time_to_first_token",
      units: ["ms", "s"],
    },
    {
      // vLLM's and SGLang's own spans.
      id: "otel-gen-ai.latency-time-to-first-token",
      from: "attribute",
      key: "gen_ai.latency.time_to_first_token",
      units: ["s"],
    },
    { id: "otel-gen-ai.content-chunk", from: "event", key: "gen_ai.content.chunk" },
    { id: "otel-gen-ai.completion-chunk", from: "event", key: "gen_ai.content.completion.chunk" },
  ],
  sessions: [
    { id: "otel-gen-ai.conversation", key: ATTR_GEN_AI_CONVERSATION_ID, rank: 2 },
    // Azure's agents.
    { id: "otel-gen-ai.thread", key: "gen_ai.thread.id", rank: 3 },
  ],
  users: [
    { id: "otel.user", key: ATTR_USER_ID },
    { id: "otel.enduser", key: ATTR_ENDUSER_ID },
    { id: "otel.enduser-pseudo", key: ATTR_ENDUSER_PSEUDO_ID },
    // OpenAI's `user` of a request, under the names of OpenLLMetry and its followers.
    { id: "openllmetry.gen-ai-user", key: "gen_ai.user" },
    { id: "openllmetry.llm-user", key: "llm.user" },
  ],
  resourceSessions: [{ id: "otel.resource-session", key: "session.id", resource: true }],
  resourceUsers: [
    { id: "otel.resource-user", key: ATTR_USER_ID, resource: true },
    { id: "otel.resource-enduser", key: ATTR_ENDUSER_ID, resource: true },
  ],
};
