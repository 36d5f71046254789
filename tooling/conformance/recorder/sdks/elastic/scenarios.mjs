import { createRequire } from "node:module";
import { openAi } from "../../clients.mjs";
import { inOneTrace, scenariosOf } from "../../scenario.mjs";
import { startTracing } from "../../tracing.mjs";

const require = createRequire(import.meta.url);

export const scenarios = scenariosOf(
  {
    sdk: "@elastic/opentelemetry-instrumentation-openai",
    with: ["openai"],
    require,
    start: (context) => {
      const { OpenAIInstrumentation } = require("@elastic/opentelemetry-instrumentation-openai");
      return startTracing(context, {
        instrumentations: [new OpenAIInstrumentation({ captureMessageContent: true })],
      });
    },
  },
  {
    openAiChat: { title: "OpenAI chat", script: "plain", use: (context) => openAi.chat(context) },
    openAiStreaming: {
      title: "OpenAI chat, streamed",
      script: "plain",
      use: (context) => openAi.chatStream(context),
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
  },
);
