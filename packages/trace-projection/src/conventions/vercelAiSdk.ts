import { type Convention, standardTiers } from "./convention.js";

const providerMetadata = "ai.response.providerMetadata";

/**
 * The Vercel AI SDK's telemetry. An outer span (`ai.generateText`) wraps one inner span per step (`.doGenerate`); both
 * report usage, and both carry OTel GenAI's keys too. No package ships its keys as constants.
 */
export const vercelAiSdk: Convention = {
  name: "vercel-ai-sdk",
  kinds: [
    {
      id: "vercel-ai-sdk.operation",
      key: "ai.operationId",
      values: {
        "ai.generateText": "chain",
        "ai.generateText.doGenerate": "llm",
        "ai.streamText": "chain",
        "ai.streamText.doStream": "llm",
        "ai.generateObject": "chain",
        "ai.generateObject.doGenerate": "llm",
        "ai.streamObject": "chain",
        "ai.streamObject.doStream": "llm",
        "ai.toolCall": "tool",
        "ai.embed": "chain",
        "ai.embed.doEmbed": "embedding",
        "ai.embedMany": "chain",
        "ai.embedMany.doEmbed": "embedding",
        "ai.rerank": "chain",
        "ai.rerank.doRerank": "reranker",
      },
    },
  ],
  input: [
    {
      id: "vercel-ai-sdk.prompt-messages",
      source: { from: "attribute", key: "ai.prompt.messages", shape: "messages" },
    },
    { id: "vercel-ai-sdk.prompt", source: { from: "attribute", key: "ai.prompt", shape: "prompt" } },
    { id: "vercel-ai-sdk.value", source: { from: "attribute", key: "ai.value", shape: "encoded" } },
    { id: "vercel-ai-sdk.values", source: { from: "attribute", key: "ai.values", shape: "encoded" } },
    {
      id: "vercel-ai-sdk.tool-args",
      source: { from: "attribute", key: "ai.toolCall.args", shape: "encoded" },
    },
  ],
  output: [
    // A step that only calls tools has an empty text.
    {
      id: "vercel-ai-sdk.response-text",
      source: { from: "attribute", key: "ai.response.text", shape: "text", unlessEmpty: true },
    },
    {
      id: "vercel-ai-sdk.response-object",
      source: { from: "attribute", key: "ai.response.object", shape: "encoded", unlessEmpty: true },
    },
    {
      id: "vercel-ai-sdk.response-tool-calls",
      source: { from: "attribute", key: "ai.response.toolCalls", shape: "encoded", unlessEmpty: true },
    },
    {
      id: "vercel-ai-sdk.response-empty-text",
      source: { from: "attribute", key: "ai.response.text", shape: "text" },
    },
    {
      id: "vercel-ai-sdk.result-text",
      source: { from: "attribute", key: "ai.result.text", shape: "text", unlessEmpty: true },
    },
    {
      id: "vercel-ai-sdk.result-object",
      source: { from: "attribute", key: "ai.result.object", shape: "encoded", unlessEmpty: true },
    },
    {
      id: "vercel-ai-sdk.result-tool-calls",
      source: { from: "attribute", key: "ai.result.toolCalls", shape: "encoded", unlessEmpty: true },
    },
    {
      id: "vercel-ai-sdk.result-empty-text",
      source: { from: "attribute", key: "ai.result.text", shape: "text" },
    },
    {
      id: "vercel-ai-sdk.tool-result",
      source: { from: "attribute", key: "ai.toolCall.result", shape: "encoded" },
    },
  ],
  models: [
    { id: "vercel-ai-sdk.response-model", key: "ai.response.model" },
    { id: "vercel-ai-sdk.model", key: "ai.model.id" },
  ],
  providers: [{ id: "vercel-ai-sdk.provider", key: "ai.model.provider" }],
  usage: [
    { id: "vercel-ai-sdk.input-tokens", key: "ai.usage.inputTokens", class: "input" },
    { id: "vercel-ai-sdk.prompt-tokens", key: "ai.usage.promptTokens", class: "input" },
    {
      id: "vercel-ai-sdk.uncached-tokens",
      key: "ai.usage.inputTokenDetails.noCacheTokens",
      class: "uncached",
    },
    {
      // Says whether the input of version 5 and 6 includes what was cached.
      id: "vercel-ai-sdk.anthropic-uncached-tokens",
      key: providerMetadata,
      class: "uncached",
      members: ["anthropic.usage.input_tokens"],
    },
    { id: "vercel-ai-sdk.output-tokens", key: "ai.usage.outputTokens", class: "output" },
    { id: "vercel-ai-sdk.completion-tokens", key: "ai.usage.completionTokens", class: "output" },
    { id: "vercel-ai-sdk.total-tokens", key: "ai.usage.totalTokens", class: "total" },
    { id: "vercel-ai-sdk.tokens", key: "ai.usage.tokens", class: "total" },
    {
      id: "vercel-ai-sdk.cache-read-tokens",
      key: "ai.usage.inputTokenDetails.cacheReadTokens",
      class: "cacheRead",
    },
    {
      // Version 5 passes Anthropic's counts on; version 6, which includes the cached, says how much is not cached too.
      id: "vercel-ai-sdk.cached-tokens",
      key: "ai.usage.cachedInputTokens",
      class: "cacheRead",
      rawAnthropic: true,
    },
    {
      id: "vercel-ai-sdk.cache-write-tokens",
      key: "ai.usage.inputTokenDetails.cacheWriteTokens",
      class: "cacheWrite",
    },
    { id: "vercel-ai-sdk.reasoning-tokens", key: "ai.usage.reasoningTokens", class: "reasoning" },
    // What version 4, and 5 for Anthropic's, only pass on as the provider said it.
    {
      id: "vercel-ai-sdk.openai-cached-tokens",
      key: providerMetadata,
      class: "cacheRead",
      members: ["openai.cachedPromptTokens"],
    },
    {
      id: "vercel-ai-sdk.openai-reasoning-tokens",
      key: providerMetadata,
      class: "reasoning",
      members: ["openai.reasoningTokens"],
    },
    {
      id: "vercel-ai-sdk.anthropic-usage-cache-read-tokens",
      key: providerMetadata,
      class: "cacheRead",
      members: ["anthropic.usage.cache_read_input_tokens"],
      rawAnthropic: true,
    },
    {
      id: "vercel-ai-sdk.anthropic-cache-read-tokens",
      key: providerMetadata,
      class: "cacheRead",
      members: ["anthropic.cacheReadInputTokens"],
      rawAnthropic: true,
    },
    {
      id: "vercel-ai-sdk.anthropic-cache-creation-tokens",
      key: providerMetadata,
      class: "cacheWrite",
      members: ["anthropic.cacheCreationInputTokens"],
      rawAnthropic: true,
    },
    {
      id: "vercel-ai-sdk.anthropic-long-cache-write-tokens",
      key: providerMetadata,
      class: "longCacheWrite",
      members: ["anthropic.usage.cache_creation.ephemeral_1h_input_tokens"],
    },
    {
      id: "vercel-ai-sdk.bedrock-cache-read-tokens",
      key: providerMetadata,
      class: "cacheRead",
      members: ["bedrock.usage.cacheReadInputTokens"],
      rawAnthropic: true,
    },
    {
      id: "vercel-ai-sdk.bedrock-cache-write-tokens",
      key: providerMetadata,
      class: "cacheWrite",
      members: ["bedrock.usage.cacheWriteInputTokens"],
      rawAnthropic: true,
    },
    {
      // Version 4 passes on what Gemini thought here only.
      id: "vercel-ai-sdk.google-thoughts-tokens",
      key: providerMetadata,
      class: "reasoning",
      members: ["google.usageMetadata.thoughtsTokenCount"],
    },
    {
      id: "vercel-ai-sdk.google-cached-tokens",
      key: providerMetadata,
      class: "cacheRead",
      members: ["google.usageMetadata.cachedContentTokenCount"],
    },
    {
      id: "vercel-ai-sdk.output-reasoning-tokens",
      key: "ai.usage.outputTokenDetails.reasoningTokens",
      class: "reasoning",
    },
  ],
  tiers: [
    "openai.serviceTier",
    "azure.serviceTier",
    "anthropic.usage.service_tier",
    "google.serviceTier",
  ].map((member) => ({
    id: `vercel-ai-sdk.tier-of-${member.split(".")[0]}`,
    key: providerMetadata,
    member,
    standard: standardTiers,
  })),
  cost: [
    { id: "vercel-ai-sdk.gateway-cost", keys: [providerMetadata], members: ["gateway.cost"] },
    { id: "vercel-ai-sdk.openrouter-cost", keys: [providerMetadata], members: ["openrouter.usage.cost"] },
  ],
  firstToken: [
    {
      id: "vercel-ai-sdk.ms-to-first-chunk",
      from: "attribute",
      key: "ai.response.msToFirstChunk",
      units: ["ms"],
    },
    {
      id: "vercel-ai-sdk.stream-ms-to-first-chunk",
      from: "attribute",
      key: "ai.stream.msToFirstChunk",
      units: ["ms"],
    },
    { id: "vercel-ai-sdk.first-chunk", from: "event", key: "ai.stream.firstChunk" },
  ],
  // Version 7 has a call's context in place of metadata.
  sessions: [
    { id: "vercel-ai-sdk.session", key: "ai.telemetry.metadata.sessionId", rank: 3 },
    { id: "vercel-ai-sdk.context-session", key: "ai.settings.context.sessionId", rank: 3 },
  ],
  users: [
    { id: "vercel-ai-sdk.user", key: "ai.telemetry.metadata.userId" },
    { id: "vercel-ai-sdk.context-user", key: "ai.settings.context.userId" },
  ],
  tags: [
    { id: "vercel-ai-sdk.tags", key: "ai.telemetry.metadata.tags" },
    { id: "vercel-ai-sdk.context-tags", key: "ai.settings.context.tags" },
  ],
  metadata: [
    {
      id: "vercel-ai-sdk.metadata",
      from: "prefix",
      key: "ai.telemetry.metadata",
      except: ["sessionId", "userId", "tags"],
    },
    {
      id: "vercel-ai-sdk.context",
      from: "prefix",
      key: "ai.settings.context",
      except: ["sessionId", "userId", "tags"],
    },
  ],
};
