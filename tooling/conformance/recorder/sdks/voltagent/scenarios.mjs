import { createRequire } from "node:module";
import { toolResult } from "../../endpoint/scripts.mjs";
import { drain, scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

const session = { sessionId: "session-7", userId: "user-3" };

function start(context) {
  const { createVoltAgentObservability } = require("@voltagent/core");
  const { BatchSpanProcessor } = require("@opentelemetry/sdk-trace-node");
  const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
  const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url: `${context.otlpUrl}/v1/traces` }));
  context.observability = createVoltAgentObservability({
    serviceName: "assistant",
    spanProcessors: [processor],
  });
  return () => processor.forceFlush();
}

async function agentOf(context, options = {}) {
  const { Agent } = require("@voltagent/core");
  return new Agent({
    name: "answerer",
    instructions: "Be brief.",
    model: require("@ai-sdk/openai")
      .createOpenAI({ baseURL: `${context.modelUrl}/v1`, apiKey: "none" })
      .chat("gpt-4o-mini"),
    observability: context.observability,
    ...options,
  });
}

const whose = { userId: session.userId, conversationId: session.sessionId };

export const scenarios = scenariosOf(
  {
    kinds: ["agent"],
    sdk: "@voltagent/core",
    with: ["ai", "@ai-sdk/openai"],
    require,
    start,
    truth: session,
  },
  {
    generate: {
      title: "An agent answers, cached input",
      script: "cached",
      use: async (context) => (await agentOf(context)).generateText(context.question, whose),
    },
    streaming: {
      title: "An agent answers, streamed",
      script: "plain",
      use: async (context) =>
        drain((await (await agentOf(context)).streamText(context.question, whose)).textStream),
    },
    tools: {
      title: "An agent with a tool",
      script: "tools",
      kinds: ["agent", "tool"],
      use: async (context) => {
        const { createTool } = require("@voltagent/core");
        const { z } = require("zod");
        const weather = createTool({
          name: "get_weather",
          description: "The weather in a city",
          parameters: z.object({ city: z.string() }),
          execute: async () => toolResult,
        });
        return (await agentOf(context, { tools: [weather] })).generateText(context.question, whose);
      },
    },
    error: {
      title: "An agent, the endpoint fails",
      script: "error",
      use: async (context) =>
        (await agentOf(context, { maxRetries: 0 })).generateText(context.question, whose),
    },
  },
);
