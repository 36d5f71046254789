import { createRequire } from "node:module";
import { anthropic, bedrock, langChain, openAi } from "../../clients.mjs";
import { drain, inOneTrace, scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);
const traceloop = require("@traceloop/node-server-sdk");

const session = { sessionId: "session-7", userId: "user-3" };

/** @param {() => object} modules those that are watched */
function watching(modules, more) {
  return (context) => {
    traceloop.initialize({
      appName: "assistant",
      baseUrl: context.otlpUrl,
      apiKey: "none",
      disableBatch: true,
      silenceInitializationMessage: true,
      traceloopSyncEnabled: false,
      instrumentModules: modules(),
    });
    more?.();
    return () => traceloop.forceFlush();
  };
}

/** In a workflow, in a session, as an application says it. */
function inWorkflow(use) {
  return (context) =>
    traceloop.withAssociationProperties({ session_id: session.sessionId, user_id: session.userId }, () =>
      traceloop.withWorkflow({ name: "answer", inputParameters: [context.question] }, () => use(context)),
    );
}

const answerOf = (completion) => completion.choices[0].message.content;

const ofOpenAi = scenariosOf(
  {
    sdk: "@traceloop/instrumentation-openai",
    with: ["openai"],
    require,
    start: watching(() => ({ openAI: require("openai").OpenAI })),
  },
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
    workflow: {
      title: "A workflow around an OpenAI chat, in a session",
      script: "plain",
      sdk: "@traceloop/node-server-sdk",
      truth: session,
      use: inWorkflow(async (context) => answerOf(await openAi.chat(context))),
    },
    workflowTools: {
      title: "A workflow around OpenAI chats with a tool",
      script: "tools",
      sdk: "@traceloop/node-server-sdk",
      truth: session,
      use: inWorkflow((context) => openAi.chatTools(context)),
    },
  },
);

const ofAnthropic = scenariosOf(
  {
    sdk: "@traceloop/instrumentation-anthropic",
    with: ["@anthropic-ai/sdk"],
    require,
    start: watching(() => ({ anthropic: require("@anthropic-ai/sdk") })),
  },
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
    anthropicTools: {
      title: "A workflow around Anthropic messages with a tool",
      script: "tools",
      truth: session,
      use: inWorkflow((context) => anthropic.messagesTools(context)),
    },
  },
);

const ofBedrock = scenariosOf(
  {
    sdk: "@traceloop/instrumentation-bedrock",
    with: ["@aws-sdk/client-bedrock-runtime"],
    require,
    start: watching(() => ({ bedrock: require("@aws-sdk/client-bedrock-runtime") })),
  },
  {
    bedrockConverse: {
      title: "Bedrock Converse",
      script: "plain",
      use: (context) => bedrock.converse(context),
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

/** Google's client, at the fake endpoint. */
function gemini({ modelUrl }) {
  const { GoogleGenAI } = require("@google/genai");
  return new GoogleGenAI({ apiKey: "none", httpOptions: { baseUrl: modelUrl } });
}

const ofGemini = scenariosOf(
  {
    sdk: "@traceloop/instrumentation-google-generativeai",
    with: ["@google/genai"],
    require,
    start: watching(() => ({ google_genai: require("@google/genai") })),
  },
  {
    geminiReasoning: {
      title: "Gemini generateContent, thoughts",
      script: "reasoning",
      use: (context) =>
        gemini(context).models.generateContent({ model: "gemini-2.5-flash", contents: context.question }),
    },
    geminiStreaming: {
      title: "Gemini generateContentStream, cached input",
      script: "cached",
      use: async (context) =>
        drain(
          await gemini(context).models.generateContentStream({
            model: "gemini-2.5-flash",
            contents: context.question,
          }),
        ),
    },
  },
);

const ofLangChain = scenariosOf(
  {
    sdk: "@traceloop/instrumentation-langchain",
    with: ["@langchain/core"],
    require,
    start: watching(() => ({ langchain: true })),
  },
  {
    langChainChain: {
      title: "LangChain prompt, model and parser",
      script: "plain",
      truth: session,
      use: inWorkflow((context) => langChain.chain(context)),
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
      truth: session,
      use: inWorkflow(async (context) => (await langChain.agent(context)).messages.at(-1).content),
    },
  },
);

const twice = scenariosOf(
  { sdk: "@traceloop/node-server-sdk", require, start: watching(() => undefined) },
  {
    langChainAndOpenAi: {
      title: "LangChain and the OpenAI client below it both instrumented",
      script: "tools",
      kinds: ["tool"],
      with: ["@traceloop/instrumentation-langchain", "@traceloop/instrumentation-openai"],
      truth: session,
      use: inWorkflow(async (context) => (await langChain.agent(context)).messages.at(-1).content),
    },
    openAiAndFetch: {
      title: "OpenAI and the HTTP client below it both instrumented, 429 and then an answer",
      script: "retry",
      with: ["openai", "@opentelemetry/instrumentation-undici"],
      start: watching(
        () => ({ openAI: require("openai").OpenAI }),
        () => {
          const { UndiciInstrumentation } = require("@opentelemetry/instrumentation-undici");
          require("@opentelemetry/instrumentation").registerInstrumentations({
            instrumentations: [new UndiciInstrumentation()],
          });
        },
      ),
      truth: session,
      use: inWorkflow(async (context) => answerOf(await openAi.chat(context))),
    },
  },
);

export const scenarios = { ...ofOpenAi, ...ofAnthropic, ...ofBedrock, ...ofGemini, ...ofLangChain, ...twice };
