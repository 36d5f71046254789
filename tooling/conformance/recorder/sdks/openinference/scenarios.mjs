import { createRequire } from "node:module";
import { anthropic, bedrock, langChain, openAi } from "../../clients.mjs";
import { inOneTrace, scenariosOf } from "../../scenario.mjs";
import { startTracing } from "../../tracing.mjs";

const require = createRequire(import.meta.url);

const session = { sessionId: "session-7", userId: "user-3" };

function watching(library, prepare) {
  return (context) => {
    const sdk = require(`@arizeai/openinference-instrumentation-${library}`);
    const instrumentation = new (Object.entries(sdk).find(([name]) => name.endsWith("Instrumentation"))[1])();
    const stop = startTracing(context, { instrumentations: [instrumentation] });
    prepare?.(instrumentation);
    return stop;
  };
}

/** As an application says whose request it is. */
function inSession(use) {
  return (context) => {
    const { setSession, setUser } = require("@arizeai/openinference-core");
    const api = require("@opentelemetry/api");
    const active = setUser(setSession(api.context.active(), { sessionId: session.sessionId }), {
      userId: session.userId,
    });
    return api.context.with(active, () => use(context));
  };
}

const ofOpenAi = scenariosOf(
  {
    sdk: "@arizeai/openinference-instrumentation-openai",
    with: ["openai"],
    require,
    start: watching("openai"),
  },
  {
    openAiChat: {
      title: "OpenAI chat, in a session",
      script: "plain",
      truth: session,
      use: inSession((context) => openAi.chat(context)),
    },
    openAiStreaming: {
      title: "OpenAI chat, streamed, cached input",
      script: "cached",
      use: (context) => openAi.chatStream(context),
    },
    openAiTools: {
      title: "OpenAI chat, a tool",
      script: "tools",
      use: inOneTrace((context) => openAi.chatTools(context)),
    },
    openAiReasoning: {
      title: "OpenAI chat, reasoning tokens",
      script: "reasoning",
      use: (context) => openAi.chatReasoning(context),
    },
    openAiResponses: {
      title: "OpenAI responses",
      script: "plain",
      use: (context) => openAi.responses(context),
    },
    openAiResponsesStreaming: {
      title: "OpenAI responses, streamed, reasoning tokens",
      script: "reasoning",
      use: (context) => openAi.responsesStream(context),
    },
    openAiEmbedding: {
      title: "OpenAI embeddings",
      script: "embedding",
      use: (context) => openAi.embedding(context),
    },
    openAiPicture: {
      title: "OpenAI chat, a picture and a question about it",
      script: "multimodal",
      use: (context) => openAi.chatPicture(context),
    },
    openAiConversation: {
      title: "OpenAI chat, the second turn of a conversation",
      script: "turns",
      use: (context) => openAi.chatConversation(context),
    },
    openAiRetry: {
      title: "OpenAI chat, 429 and then an answer",
      script: "retry",
      use: (context) => openAi.chat(context),
    },
    openAiError: {
      title: "OpenAI chat in a span of the application's, the endpoint fails",
      script: "error",
      use: inOneTrace((context) => openAi.chat(context)),
    },
  },
);

const ofAnthropic = scenariosOf(
  {
    sdk: "@arizeai/openinference-instrumentation-anthropic",
    with: ["@anthropic-ai/sdk"],
    require,
    start: watching("anthropic", (instrumentation) =>
      instrumentation.manuallyInstrument(require("@anthropic-ai/sdk")),
    ),
  },
  {
    anthropicCached: {
      title: "Anthropic messages, cached input",
      script: "cached",
      use: (context) => anthropic.messages(context),
    },
    anthropicStreaming: {
      title: "Anthropic messages, streamed",
      script: "plain",
      use: (context) => anthropic.messagesStream(context),
    },
    anthropicTools: {
      title: "Anthropic messages, a tool",
      script: "tools",
      use: inOneTrace((context) => anthropic.messagesTools(context)),
    },
  },
);

const ofBedrock = scenariosOf(
  {
    sdk: "@arizeai/openinference-instrumentation-bedrock",
    with: ["@aws-sdk/client-bedrock-runtime"],
    require,
    start: watching("bedrock"),
  },
  {
    bedrockConverse: {
      title: "Bedrock Converse",
      script: "plain",
      use: (context) => bedrock.converse(context),
    },
    bedrockConverseStreaming: {
      title: "Bedrock ConverseStream, cached input",
      script: "cached",
      use: (context) => bedrock.converseStream(context),
    },
    bedrockInvoke: {
      title: "Bedrock InvokeModel of Anthropic's, cached input",
      script: "cached",
      use: (context) => bedrock.invoke(context),
    },
    bedrockInvokeStreaming: {
      title: "Bedrock InvokeModelWithResponseStream of Anthropic's",
      script: "plain",
      use: (context) => bedrock.invokeStream(context),
    },
  },
);

const ofLangChain = scenariosOf(
  {
    sdk: "@arizeai/openinference-instrumentation-langchain",
    with: ["@langchain/core"],
    require,
    start: watching("langchain", (instrumentation) =>
      instrumentation.manuallyInstrument(require("@langchain/core/callbacks/manager")),
    ),
  },
  {
    langChainChain: {
      title: "LangChain prompt, model and parser",
      script: "plain",
      use: (context) => langChain.chain(context, { metadata: { session_id: "session-7" } }),
      truth: { sessionId: "session-7" },
    },
    langChainStreaming: {
      title: "LangChain model, streamed, cached input",
      script: "cached",
      use: (context) => langChain.stream(context),
    },
    langChainAgent: {
      title: "LangChain agent with a tool",
      script: "tools",
      kinds: ["tool"],
      with: ["langchain", "@langchain/core"],
      use: (context) => langChain.agent(context),
    },
  },
);

const twice = scenariosOf(
  {
    sdk: "@arizeai/openinference-instrumentation-langchain",
    with: ["@arizeai/openinference-instrumentation-openai", "@langchain/core", "openai"],
    require,
    start: (context) => {
      const { LangChainInstrumentation } = require("@arizeai/openinference-instrumentation-langchain");
      const { OpenAIInstrumentation } = require("@arizeai/openinference-instrumentation-openai");
      const [chains, models] = [new LangChainInstrumentation(), new OpenAIInstrumentation()];
      const stop = startTracing(context, { instrumentations: [chains, models] });
      chains.manuallyInstrument(require("@langchain/core/callbacks/manager"));
      return stop;
    },
  },
  {
    langChainAndOpenAi: {
      title: "LangChain and the OpenAI client below it both instrumented",
      script: "tools",
      kinds: ["tool"],
      use: inOneTrace((context) => langChain.agent(context)),
    },
  },
);

export const scenarios = { ...ofOpenAi, ...ofAnthropic, ...ofBedrock, ...ofLangChain, ...twice };
