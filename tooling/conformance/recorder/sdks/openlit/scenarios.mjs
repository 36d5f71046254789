import { createRequire } from "node:module";
import { anthropic, openAi } from "../../clients.mjs";
import { inOneTrace, scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

function start({ otlpUrl }) {
  const Openlit = require("openlit").default ?? require("openlit");
  Openlit.init({
    applicationName: "assistant",
    environment: "test",
    otlpEndpoint: otlpUrl,
    disableBatch: true,
    disableMetrics: true,
    disableEvents: true,
    // Its own table is fetched from the network.
    pricingJson: {
      chat: {
        "gpt-4o-mini": { promptPrice: 0.00015, completionPrice: 0.0006 },
        "o4-mini": { promptPrice: 0.0011, completionPrice: 0.0044 },
        "claude-sonnet-4-5": { promptPrice: 0.003, completionPrice: 0.015 },
      },
      embeddings: { "text-embedding-3-small": 0.00002 },
    },
    instrumentations: { openai: require("openai"), anthropic: require("@anthropic-ai/sdk") },
  });
  const { trace } = require("@opentelemetry/api");
  return () => trace.getTracerProvider().getDelegate().forceFlush();
}

export const scenarios = {
  ...scenariosOf(
    { sdk: "openlit", with: ["openai"], require, start },
    {
      openAiChat: { title: "OpenAI chat", script: "plain", use: (context) => openAi.chat(context) },
      openAiStreaming: {
        title: "OpenAI chat, streamed, cached input",
        script: "cached",
        use: (context) => openAi.chatStream(context),
      },
      openAiReasoning: {
        title: "OpenAI chat, reasoning tokens",
        script: "reasoning",
        use: (context) => openAi.chatReasoning(context),
      },
      openAiTools: {
        title: "OpenAI chats with a tool",
        script: "tools",
        use: inOneTrace((context) => openAi.chatTools(context)),
      },
      openAiEmbedding: {
        title: "OpenAI embeddings",
        script: "embedding",
        use: (context) => openAi.embedding(context),
      },
      openAiError: {
        title: "OpenAI chat, the endpoint fails",
        script: "error",
        use: (context) => openAi.chat(context),
      },
    },
  ),
  ...scenariosOf(
    { sdk: "openlit", with: ["@anthropic-ai/sdk"], require, start },
    {
      anthropicCached: {
        title: "Anthropic messages, cached input",
        script: "cached",
        use: (context) => anthropic.messages(context),
      },
      anthropicStreaming: {
        title: "Anthropic messages, streamed, cached input",
        script: "cached",
        use: (context) => anthropic.messagesStream(context),
      },
    },
  ),
};
