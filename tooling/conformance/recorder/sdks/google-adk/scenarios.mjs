import { createRequire } from "node:module";
import { toolResult } from "../../endpoint/scripts.mjs";
import { scenariosOf } from "../../scenario.mjs";
import { startTracing } from "../../tracing.mjs";

const require = createRequire(import.meta.url);

const session = { sessionId: "session-7", userId: "user-3" };

function start(context) {
  process.env.GOOGLE_GENAI_API_KEY = "none";
  process.env.GEMINI_API_KEY = "none";
  process.env.GOOGLE_GEMINI_BASE_URL = context.modelUrl;
  // Before the kit is loaded: it takes its tracer then.
  return startTracing(context);
}

async function ask(context, { tools = [], streaming = false, subAgents = [] } = {}) {
  const adk = await import("@google/adk");
  const agent = new adk.LlmAgent({
    name: "answerer",
    model: "gemini-2.5-flash",
    instruction: "Be brief.",
    tools,
    subAgents,
  });
  const runner = new adk.InMemoryRunner({ agent, appName: "assistant" });
  const { id } = await runner.sessionService.createSession({
    appName: "assistant",
    userId: session.userId,
    sessionId: session.sessionId,
  });
  const events = runner.runAsync({
    userId: session.userId,
    sessionId: id,
    newMessage: { role: "user", parts: [{ text: context.question }] },
    ...(streaming ? { runConfig: { streamingMode: adk.StreamingMode.SSE } } : {}),
  });
  for await (const event of events) if (event.errorMessage) throw new Error(event.errorMessage);
}

async function weatherTool() {
  const { FunctionTool } = await import("@google/adk");
  const { z } = require("zod");
  return new FunctionTool({
    name: "get_weather",
    description: "The weather in a city",
    parameters: z.object({ city: z.string() }),
    execute: async () => ({ weather: toolResult }),
  });
}

export const scenarios = scenariosOf(
  {
    kinds: ["agent"],
    sdk: "@google/adk",
    with: ["@google/genai"],
    require,
    start,
    truth: session,
  },
  {
    plain: { title: "An agent on Gemini, cached input", script: "cached", use: (context) => ask(context) },
    reasoning: {
      title: "An agent on Gemini, streamed, thoughts",
      script: "reasoning",
      use: (context) => ask(context, { streaming: true }),
    },
    tools: {
      title: "An agent with a tool",
      script: "tools",
      kinds: ["agent", "tool"],
      use: async (context) => ask(context, { tools: [await weatherTool()] }),
    },
    agents: {
      title: "An agent that asks another",
      script: "agents",
      kinds: ["agent", "tool"],
      use: async (context) => {
        const { AgentTool, LlmAgent } = await import("@google/adk");
        const meteorologist = new LlmAgent({
          name: "ask_meteorologist",
          description: "Knows the weather",
          model: "gemini-2.5-flash",
          instruction: "Know the weather.",
        });
        return ask(context, { tools: [new AgentTool({ agent: meteorologist })] });
      },
    },
    error: { title: "An agent, the endpoint fails", script: "error", use: (context) => ask(context) },
  },
);
