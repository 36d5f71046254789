import { createRequire } from "node:module";
import { openAi } from "../../clients.mjs";
import { scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

function start({ otlpUrl }) {
  process.env.LANGSMITH_TRACING = "true";
  process.env.LANGSMITH_OTEL_ENABLED = "true";
  process.env.LANGSMITH_API_KEY = "none";
  process.env.LANGSMITH_ENDPOINT = otlpUrl;
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `${otlpUrl}/otel`;
  const { initializeOTEL } = require("langsmith/experimental/otel/setup");
  const { DEFAULT_LANGSMITH_SPAN_PROCESSOR } = initializeOTEL({});
  return async () => {
    // Its queue has a timer of its own.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await DEFAULT_LANGSMITH_SPAN_PROCESSOR.shutdown();
  };
}

const whose = { sessionId: "session-7", userId: "user-3" };

const wrapped = (client) => require("langsmith/wrappers").wrapOpenAI(client);

const traced = (use) => (context) => {
  const { traceable } = require("langsmith/traceable");
  return traceable(async (_question) => use(context), {
    name: "answer",
    metadata: { session_id: "session-7", user_id: "user-3" },
    tags: ["conformance"],
  })(context.question);
};

export const scenarios = scenariosOf(
  { sdk: "langsmith", require, start },
  {
    openAiChat: {
      title: "OpenAI chat in a traced function, cached input",
      script: "cached",
      with: ["openai"],
      truth: whose,
      use: traced(async (context) => (await openAi.chat(context, wrapped)).choices[0].message.content),
    },
    openAiStreaming: {
      title: "OpenAI chat, streamed",
      script: "plain",
      with: ["openai"],
      truth: whose,
      use: traced((context) => openAi.chatStream(context, wrapped)),
    },
    openAiTools: {
      title: "OpenAI chats with a tool in a traced function",
      script: "tools",
      with: ["openai"],
      truth: whose,
      use: traced((context) => openAi.chatTools(context, wrapped)),
    },
    openAiError: {
      title: "OpenAI chat, the endpoint fails",
      script: "error",
      with: ["openai"],
      use: (context) => openAi.chat(context, wrapped),
    },
  },
);
