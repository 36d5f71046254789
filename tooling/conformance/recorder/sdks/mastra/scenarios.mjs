import { createRequire } from "node:module";
import { toolResult } from "../../endpoint/scripts.mjs";
import { drain, scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

const session = { sessionId: "session-7", userId: "user-3" };

async function mastraWith(context, agents) {
  const { Mastra } = await import("@mastra/core/mastra");
  const { Observability } = await import("@mastra/observability");
  const { OtelExporter } = await import("@mastra/otel-exporter");
  const mastra = new Mastra({
    agents,
    logger: false,
    observability: new Observability({
      configs: {
        otel: {
          serviceName: "assistant",
          exporters: [
            new OtelExporter({
              provider: { custom: { endpoint: `${context.otlpUrl}/v1/traces`, protocol: "http/protobuf" } },
              signals: { logs: false },
            }),
          ],
        },
      },
    }),
  });
  context.mastra = mastra;
  return mastra;
}

const model = ({ modelUrl }, name = "gpt-4o-mini") =>
  require("@ai-sdk/openai")
    .createOpenAI({ baseURL: `${modelUrl}/v1`, apiKey: "none" })
    .chat(name);

async function weatherTool() {
  const { createTool } = await import("@mastra/core/tools");
  const { z } = require("zod");
  return createTool({
    id: "get_weather",
    description: "The weather in a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async () => ({ weather: toolResult }),
  });
}

async function agentOf(options) {
  const { Agent } = await import("@mastra/core/agent");
  return new Agent(options);
}

const tracingOptions = {
  metadata: { sessionId: session.sessionId, userId: session.userId, plan: "free" },
  tags: ["conformance"],
};

const stops = (context) => async () => {
  await new Promise((resolve) => setTimeout(resolve, 100));
  await context.mastra.observability?.shutdown?.();
  await context.mastra.shutdown?.();
};

export const scenarios = scenariosOf(
  {
    kinds: ["agent"],
    sdk: "@mastra/core",
    with: ["@mastra/otel-exporter", "@mastra/observability", "@ai-sdk/openai"],
    require,
    start: stops,
  },
  {
    generate: {
      title: "An agent answers",
      script: "cached",
      truth: session,
      use: async (context) => {
        const answerer = await agentOf({
          id: "answerer",
          name: "answerer",
          instructions: "Be brief.",
          model: model(context),
        });
        const mastra = await mastraWith(context, { answerer });
        await mastra.getAgent("answerer").generate(context.question, { tracingOptions });
      },
    },
    streaming: {
      title: "An agent answers, streamed",
      script: "plain",
      use: async (context) => {
        const answerer = await agentOf({
          id: "answerer",
          name: "answerer",
          instructions: "Be brief.",
          model: model(context),
        });
        const mastra = await mastraWith(context, { answerer });
        const { textStream } = await mastra.getAgent("answerer").stream(context.question);
        await drain(textStream);
      },
    },
    tools: {
      title: "An agent with a tool",
      script: "tools",
      kinds: ["agent", "tool"],
      use: async (context) => {
        const answerer = await agentOf({
          id: "answerer",
          name: "answerer",
          instructions: "Be brief.",
          model: model(context),
          tools: { get_weather: await weatherTool() },
        });
        const mastra = await mastraWith(context, { answerer });
        await mastra.getAgent("answerer").generate(context.question);
      },
    },
    agents: {
      title: "An agent that asks another",
      script: "agents",
      kinds: ["agent", "tool"],
      use: async (context) => {
        const { createTool } = await import("@mastra/core/tools");
        const { z } = require("zod");
        const meteorologist = await agentOf({
          id: "meteorologist",
          name: "meteorologist",
          instructions: "Know the weather.",
          model: model(context, "gpt-4.1-mini"),
        });
        const ask = createTool({
          id: "ask_meteorologist",
          description: "Asks the meteorologist",
          inputSchema: z.object({ question: z.string() }),
          execute: async (input, options) => {
            const { text } = await meteorologist.generate((input.context ?? input).question, {
              tracingContext: options?.tracingContext ?? input.tracingContext,
            });
            return { text };
          },
        });
        const advisor = await agentOf({
          id: "advisor",
          name: "advisor",
          instructions: "Advise.",
          model: model(context),
          tools: { ask_meteorologist: ask },
        });
        const mastra = await mastraWith(context, { advisor, meteorologist });
        await mastra.getAgent("advisor").generate(context.question);
      },
    },
    error: {
      title: "An agent, the endpoint fails",
      script: "error",
      use: async (context) => {
        const answerer = await agentOf({
          id: "answerer",
          name: "answerer",
          instructions: "Be brief.",
          model: model(context),
          maxRetries: 0,
        });
        const mastra = await mastraWith(context, { answerer });
        await mastra.getAgent("answerer").generate(context.question);
      },
    },
  },
);
