// What an application does with the AI SDK, whatever its version.
import { toolResult } from "./endpoint/scripts.mjs";
import { drain, scenariosOf } from "./scenario.mjs";

const session = { sessionId: "session-7", userId: "user-3" };

/** 1 × 1, red. */
const pixel =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/**
 * @param {object} version what was renamed between versions
 * @param {NodeRequire} version.require
 * @param {(context: import("./scenario.mjs").Context) => () => Promise<unknown>} version.start
 * @param {string} version.sdk
 * @param {(options: object) => object} [version.telemetry] the options of a call that say it is traced
 * @param {"parameters" | "inputSchema"} version.toolParameters
 * @param {(ai: object) => object} version.threeSteps
 * @param {"textEmbeddingModel" | "embedding" | "embeddingModel"} version.embedding
 */
export function aiSdkScenarios({
  require,
  start,
  sdk,
  telemetry = legacyTelemetry,
  toolParameters,
  threeSteps,
  embedding,
}) {
  const openAi = ({ modelUrl }) =>
    require("@ai-sdk/openai").createOpenAI({
      baseURL: `${modelUrl}/v1`,
      apiKey: "none",
      compatibility: "strict",
    });
  const compatible = ({ modelUrl }) =>
    require("@ai-sdk/openai-compatible").createOpenAICompatible({
      name: "acme",
      baseURL: `${modelUrl}/v1`,
      includeUsage: true,
    });
  const anthropic = ({ modelUrl }) =>
    require("@ai-sdk/anthropic").createAnthropic({ baseURL: `${modelUrl}/v1`, apiKey: "none" });
  const ai = require("ai");
  const { z } = require("zod");
  const weather = ai.tool({
    description: "The weather in a city",
    [toolParameters]: z.object({ city: z.string() }),
    execute: async () => toolResult,
  });
  const traced = telemetry({ functionId: "answer", metadata: { ...session, tags: ["conformance"] } });

  return scenariosOf(
    { sdk, require, start, truth: session },
    {
      plain: {
        title: "generateText, OpenAI responses, system instructions",
        script: "plain",
        with: ["@ai-sdk/openai"],
        use: (context) =>
          ai.generateText({
            model: openAi(context).responses("gpt-4o-mini"),
            system: "Be brief.",
            prompt: context.question,
            ...traced,
          }),
      },
      streamingCached: {
        title: "streamText, OpenAI chat, cached input",
        script: "cached",
        with: ["@ai-sdk/openai"],
        use: (context) =>
          drain(
            ai.streamText({ model: openAi(context).chat("gpt-4o-mini"), prompt: context.question, ...traced })
              .textStream,
          ),
      },
      anthropicCached: {
        title: "generateText, Anthropic, cached input",
        script: "cached",
        with: ["@ai-sdk/anthropic"],
        use: (context) =>
          ai.generateText({
            model: anthropic(context)("claude-sonnet-4-5"),
            prompt: context.question,
            ...traced,
          }),
      },
      tools: {
        title: "generateText, two steps and a tool, an OpenAI-compatible endpoint",
        script: "tools",
        with: ["@ai-sdk/openai-compatible"],
        // Whoever runs the endpoint has no published price.
        truth: { ...session, cost: null },
        kinds: ["tool"],
        use: (context) =>
          ai.generateText({
            model: compatible(context)("gpt-4o-mini"),
            prompt: context.question,
            tools: { get_weather: weather },
            ...threeSteps(ai),
            ...traced,
          }),
      },
      streamingTools: {
        title: "streamText, two steps and a tool, Anthropic",
        script: "tools",
        with: ["@ai-sdk/anthropic"],
        kinds: ["tool"],
        use: (context) =>
          drain(
            ai.streamText({
              model: anthropic(context)("claude-sonnet-4-5"),
              prompt: context.question,
              tools: { get_weather: weather },
              ...threeSteps(ai),
              ...traced,
            }).textStream,
          ),
      },
      reasoning: {
        title: "streamText, OpenAI responses, reasoning tokens",
        script: "reasoning",
        with: ["@ai-sdk/openai"],
        use: (context) =>
          drain(
            ai.streamText({
              model: openAi(context).responses("o4-mini"),
              prompt: context.question,
              ...traced,
            }).textStream,
          ),
      },
      retry: {
        title: "generateText, 429 and then an answer",
        script: "retry",
        with: ["@ai-sdk/openai"],
        use: (context) =>
          ai.generateText({
            model: openAi(context).chat("gpt-4o-mini"),
            prompt: context.question,
            ...traced,
          }),
      },
      error: {
        title: "generateText, the endpoint fails",
        script: "error",
        with: ["@ai-sdk/openai"],
        use: (context) =>
          ai.generateText({
            model: openAi(context).chat("gpt-4o-mini"),
            prompt: context.question,
            maxRetries: 1,
            ...traced,
          }),
      },
      embedding: {
        title: "embed",
        script: "embedding",
        with: ["@ai-sdk/openai"],
        use: (context) =>
          ai.embed({
            model: openAi(context)[embedding]("text-embedding-3-small"),
            value: context.question,
            ...traced,
          }),
      },
      object: {
        title: "generateObject",
        script: "object",
        with: ["@ai-sdk/openai"],
        use: (context) =>
          ai.generateObject({
            model: openAi(context).chat("gpt-4o-mini"),
            schema: z.object({ city: z.string() }),
            mode: "json",
            prompt: context.question,
            ...traced,
          }),
      },
      multimodal: {
        title: "generateText, a picture and a question about it",
        script: "multimodal",
        with: ["@ai-sdk/openai"],
        use: (context) =>
          ai.generateText({
            model: openAi(context).chat("gpt-4o-mini"),
            messages: [
              {
                role: "user",
                content: [
                  { type: "text", text: context.question },
                  { type: "image", image: Buffer.from(pixel, "base64") },
                ],
              },
            ],
            ...traced,
          }),
      },
      conversation: {
        title: "generateText, the second turn of a conversation",
        script: "turns",
        with: ["@ai-sdk/openai"],
        use: (context) =>
          ai.generateText({
            model: openAi(context).chat("gpt-4o-mini"),
            messages: [
              { role: "user", content: "What is the capital of France?" },
              { role: "assistant", content: "Paris." },
              { role: "user", content: context.question },
            ],
            ...traced,
          }),
      },
    },
  );
}

function legacyTelemetry(options) {
  return { experimental_telemetry: { isEnabled: true, ...options } };
}
