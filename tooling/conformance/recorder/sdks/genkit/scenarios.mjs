import { createRequire } from "node:module";
import { toolResult } from "../../endpoint/scripts.mjs";
import { drain, scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

function start(context) {
  process.env.GENKIT_ENV = "prod";
  const { genkit } = require("genkit");
  const { enableTelemetry } = require("genkit/tracing");
  const { BatchSpanProcessor } = require("@opentelemetry/sdk-trace-node");
  const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
  const { openAICompatible } = require("@genkit-ai/compat-oai");
  const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url: `${context.otlpUrl}/v1/traces` }));
  enableTelemetry({ spanProcessors: [processor], serviceName: "assistant" });
  context.ai = genkit({
    plugins: [openAICompatible({ name: "acme", apiKey: "none", baseURL: `${context.modelUrl}/v1` })],
  });
  return async () => {
    await processor.forceFlush();
    await require("genkit/tracing").flushTracing?.();
  };
}

const model = "acme/gpt-4o-mini";

export const scenarios = scenariosOf(
  {
    sdk: "genkit",
    with: ["@genkit-ai/compat-oai"],
    // Whoever runs the endpoint has no published price.
    truth: { cost: null },
    require,
    start,
  },
  {
    generate: {
      title: "generate, cached input",
      script: "cached",
      use: ({ ai, question }) => ai.generate({ model, system: "Be brief.", prompt: question }),
    },
    streaming: {
      title: "generateStream",
      script: "plain",
      use: ({ ai, question }) => drain(ai.generateStream({ model, prompt: question }).stream),
    },
    tools: {
      title: "generate with a tool, in a flow",
      script: "tools",
      kinds: ["tool"],
      use: ({ ai, question }) => {
        const { z } = require("genkit");
        const weather = ai.defineTool(
          {
            name: "get_weather",
            description: "The weather in a city",
            inputSchema: z.object({ city: z.string() }),
            outputSchema: z.string(),
          },
          async () => toolResult,
        );
        const flow = ai.defineFlow(
          { name: "answer", inputSchema: z.string(), outputSchema: z.string() },
          async (asked) => (await ai.generate({ model, prompt: asked, tools: [weather] })).text,
        );
        return flow(question);
      },
    },
  },
);
