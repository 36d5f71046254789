import { createRequire } from "node:module";
import { aiSdkScenarios } from "../../aiSdk.mjs";
import { drain, scenariosOf } from "../../scenario.mjs";
import { startTracing } from "../../tracing.mjs";

const require = createRequire(import.meta.url);

const viaVercelOTel = scenariosOf(
  {
    sdk: "@vercel/otel",
    with: ["ai"],
    require,
    start: ({ otlpUrl }) => {
      const { OTLPHttpProtoTraceExporter, registerOTel } = require("@vercel/otel");
      registerOTel({
        serviceName: "assistant",
        traceExporter: new OTLPHttpProtoTraceExporter({ url: `${otlpUrl}/v1/traces` }),
      });
      const { trace } = require("@opentelemetry/api");
      return () => trace.getTracerProvider().getDelegate().forceFlush();
    },
  },
  {
    vercelOtelStreaming: {
      title: "streamText in a route handler's span, fetch instrumented too",
      script: "plain",
      use: ({ modelUrl, question }) => {
        const { trace } = require("@opentelemetry/api");
        const { streamText } = require("ai");
        const { createOpenAI } = require("@ai-sdk/openai");
        return trace.getTracer("app").startActiveSpan("POST /api/chat", async (span) => {
          const { textStream } = streamText({
            model: createOpenAI({ baseURL: `${modelUrl}/v1`, apiKey: "none" }).chat("gpt-4o-mini"),
            prompt: question,
            experimental_telemetry: { isEnabled: true },
          });
          await drain(textStream);
          span.end();
        });
      },
    },
  },
);

export const scenarios = {
  ...aiSdkScenarios({
    require,
    sdk: "ai",
    start: startTracing,
    toolParameters: "inputSchema",
    threeSteps: ({ stepCountIs }) => ({ stopWhen: stepCountIs(3) }),
    embedding: "embeddingModel",
  }),
  ...viaVercelOTel,
};
