import { createRequire } from "node:module";
import { drain, scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

async function start(context) {
  const logfire = await import("@pydantic/logfire-node");
  context.logfire = logfire;
  logfire.configure({
    token: "none",
    serviceName: "assistant",
    console: false,
    sendToLogfire: true,
    metrics: false,
    advanced: { baseUrl: context.otlpUrl },
    nodeAutoInstrumentations: { "@opentelemetry/instrumentation-fs": { enabled: false } },
  });
  return () => logfire.shutdown?.() ?? logfire.forceFlush();
}

/** A request as an application traces it. */
const traced = (use) => (context) =>
  context.logfire.span("answer {question}", {
    attributes: { question: context.question },
    callback: () => use(context),
  });

const model = ({ modelUrl }) =>
  require("@ai-sdk/openai")
    .createOpenAI({ baseURL: `${modelUrl}/v1`, apiKey: "none" })
    .chat("gpt-4o-mini");

export const scenarios = scenariosOf(
  { sdk: "@pydantic/logfire-node", require, start },
  {
    aiSdkStreaming: {
      title: "An own span around AI SDK's streamText, HTTP instrumented too",
      script: "cached",
      with: ["ai"],
      use: traced(async (context) => {
        const { streamText } = require("ai");
        await drain(
          streamText({
            model: model(context),
            prompt: context.question,
            experimental_telemetry: { isEnabled: true },
          }).textStream,
        );
      }),
    },
    openAi: {
      title: "An own span around an OpenAI chat, HTTP and OpenAI instrumented",
      script: "plain",
      with: ["openai"],
      use: traced(async (context) => {
        const { OpenAI } = require("openai");
        const client = new OpenAI({ baseURL: `${context.modelUrl}/v1`, apiKey: "none" });
        await client.chat.completions.create({
          model: "gpt-4o-mini",
          messages: [{ role: "user", content: context.question }],
        });
      }),
    },
  },
);
