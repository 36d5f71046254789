import { createRequire } from "node:module";
import { toolResult } from "../../endpoint/scripts.mjs";
import { scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

const session = { sessionId: "session-7", userId: "user-3" };

async function start({ otlpUrl }) {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = otlpUrl;
  process.env.OTEL_SERVICE_NAME = "assistant";
  const { setupTracer } = await import("@strands-agents/sdk/telemetry");
  const provider = setupTracer({ exporters: { otlp: true } });
  return async () => {
    await provider.forceFlush();
    await provider.shutdown();
  };
}

async function openAi({ modelUrl }, modelId = "gpt-4o-mini") {
  const { OpenAIModel } = await import("@strands-agents/sdk/models/openai");
  return new OpenAIModel({
    api: "chat",
    modelId,
    apiKey: "none",
    clientConfig: { baseURL: `${modelUrl}/v1` },
  });
}

async function anthropic({ modelUrl }) {
  const { AnthropicModel } = await import("@strands-agents/sdk/models/anthropic");
  return new AnthropicModel({
    modelId: "claude-sonnet-4-5",
    apiKey: "none",
    clientConfig: { baseURL: modelUrl },
  });
}

async function ask(context, model, tools = []) {
  const { Agent } = await import("@strands-agents/sdk");
  const agent = new Agent({
    name: "answerer",
    model,
    systemPrompt: "Be brief.",
    tools,
    printer: false,
    traceAttributes: { "session.id": session.sessionId, "user.id": session.userId },
  });
  return agent.invoke(context.question);
}

async function weatherTool() {
  const { tool } = await import("@strands-agents/sdk");
  const { z } = require("zod");
  return tool({
    name: "get_weather",
    description: "The weather in a city",
    inputSchema: z.object({ city: z.string() }),
    callback: () => toolResult,
  });
}

export const scenarios = scenariosOf(
  {
    kinds: ["agent"],
    sdk: "@strands-agents/sdk",
    require,
    start,
    truth: session,
  },
  {
    openAi: {
      title: "An agent on OpenAI, cached input",
      script: "cached",
      with: ["openai"],
      use: async (context) => ask(context, await openAi(context)),
    },
    openAiTools: {
      title: "An agent with a tool",
      script: "tools",
      kinds: ["agent", "tool"],
      with: ["openai"],
      use: async (context) => ask(context, await openAi(context), [await weatherTool()]),
    },
    anthropic: {
      title: "An agent on Anthropic, cached input",
      script: "cached",
      with: ["@anthropic-ai/sdk"],
      use: async (context) => ask(context, await anthropic(context)),
    },
    agents: {
      title: "An agent that asks another",
      script: "agents",
      kinds: ["agent", "tool"],
      with: ["openai"],
      use: async (context) => {
        const { Agent, tool } = await import("@strands-agents/sdk");
        const { z } = require("zod");
        const meteorologist = new Agent({
          name: "meteorologist",
          model: await openAi(context, "gpt-4.1-mini"),
          printer: false,
        });
        const askMeteorologist = tool({
          name: "ask_meteorologist",
          description: "Asks the meteorologist",
          inputSchema: z.object({ question: z.string() }),
          callback: async ({ question }) => String(await meteorologist.invoke(question)),
        });
        return ask(context, await openAi(context), [askMeteorologist]);
      },
    },
    error: {
      title: "An agent, the endpoint fails",
      script: "error",
      with: ["openai"],
      use: async (context) => ask(context, await openAi(context)),
    },
  },
);
