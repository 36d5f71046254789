import { createRequire } from "node:module";
import { langChain, openAi } from "../../clients.mjs";
import { inOneTrace, scenariosOf } from "../../scenario.mjs";
import { startTracing } from "../../tracing.mjs";

const require = createRequire(import.meta.url);

const sdkOf = (name, exported) => () => new (require(name)[exported])();
const openInference = sdkOf("@arizeai/openinference-instrumentation-openai", "OpenAIInstrumentation");
const traceloop = sdkOf("@traceloop/instrumentation-openai", "OpenAIInstrumentation");
const traceloopChains = sdkOf("@traceloop/instrumentation-langchain", "LangChainInstrumentation");
const observed = (client) => require("@langfuse/openai").observeOpenAI(client);

const watching =
  (...instrumentations) =>
  (context) =>
    startTracing(context, { instrumentations: instrumentations.map((instrumentation) => instrumentation()) });

export const scenarios = {
  ...scenariosOf(
    {
      sdk: "@arizeai/openinference-instrumentation-openai",
      with: ["@traceloop/instrumentation-openai", "openai"],
      require,
      start: watching(traceloop, openInference),
    },
    {
      openInferenceAndTraceloop: {
        title: "Two instrumentations of one OpenAI client, cached input",
        script: "cached",
        use: inOneTrace((context) => openAi.chat(context)),
      },
      openInferenceAndTraceloopStreaming: {
        title: "Two instrumentations of one OpenAI client, streamed",
        script: "plain",
        use: inOneTrace((context) => openAi.chatStream(context)),
      },
      openInferenceAndTraceloopTools: {
        title: "Two instrumentations of one OpenAI client, a tool",
        script: "tools",
        use: inOneTrace((context) => openAi.chatTools(context)),
      },
    },
  ),
  ...scenariosOf(
    {
      sdk: "@langfuse/openai",
      with: ["@traceloop/instrumentation-openai", "openai"],
      require,
      start: watching(traceloop),
    },
    {
      langfuseAndTraceloop: {
        title: "A wrapped client and an instrumentation below it, reasoning tokens",
        script: "reasoning",
        use: inOneTrace((context) => openAi.chat(context, observed, { model: "o4-mini" })),
      },
      langfuseAndTraceloopStreaming: {
        title: "A wrapped client and an instrumentation below it, streamed, cached input",
        script: "cached",
        use: inOneTrace((context) => openAi.chatStream(context, observed)),
      },
    },
  ),
  ...scenariosOf(
    {
      sdk: "@langfuse/langchain",
      with: ["@traceloop/instrumentation-langchain", "@langchain/core"],
      require,
      start: watching(traceloopChains),
    },
    {
      langChainTwice: {
        title: "Two callback handlers side by side on one LangChain agent with a tool",
        script: "tools",
        kinds: ["tool"],
        use: inOneTrace((context) => {
          const { CallbackHandler } = require("@langfuse/langchain");
          return langChain.agent(context, { callbacks: [new CallbackHandler()] });
        }),
      },
      langChainTwiceStreaming: {
        title: "Two callback handlers side by side on one LangChain model, streamed, cached input",
        script: "cached",
        use: inOneTrace((context) => {
          const { CallbackHandler } = require("@langfuse/langchain");
          return langChain.stream(context, { callbacks: [new CallbackHandler()] });
        }),
      },
    },
  ),
};
