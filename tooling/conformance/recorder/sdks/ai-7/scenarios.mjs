import { createRequire } from "node:module";
import { aiSdkScenarios } from "../../aiSdk.mjs";
import { startTracing } from "../../tracing.mjs";

const require = createRequire(import.meta.url);

const version = {
  require,
  sdk: "@ai-sdk/otel",
  // Version 7 takes no metadata of a call but its runtime context.
  telemetry: ({ functionId, metadata }) => ({
    runtimeContext: metadata,
    telemetry: { functionId, includeRuntimeContext: { sessionId: true, userId: true, tags: true } },
  }),
  toolParameters: "inputSchema",
  threeSteps: ({ isStepCount, stepCountIs }) => ({ stopWhen: (isStepCount ?? stepCountIs)(3) }),
  embedding: "embeddingModel",
};

function startWith(make) {
  return (context) => {
    const stop = startTracing(context);
    require("ai").registerTelemetry(make());
    return stop;
  };
}

const genAi = aiSdkScenarios({
  ...version,
  start: startWith(() => {
    const { OpenTelemetry } = require("@ai-sdk/otel");
    return new OpenTelemetry({ usage: true, runtimeContext: true, embedding: true });
  }),
});

const legacy = aiSdkScenarios({
  ...version,
  start: startWith(() => {
    const { LegacyOpenTelemetry } = require("@ai-sdk/otel");
    return new LegacyOpenTelemetry();
  }),
});

const openInference = aiSdkScenarios({
  ...version,
  sdk: "@arizeai/openinference-vercel",
  start: async (context) => {
    const { OpenInferenceBatchSpanProcessor } = await import("@arizeai/openinference-vercel");
    const stop = startTracing(context, {
      processors: (exporter) => [new OpenInferenceBatchSpanProcessor({ exporter })],
    });
    const { OpenTelemetry } = require("@ai-sdk/otel");
    require("ai").registerTelemetry(
      new OpenTelemetry({ usage: true, runtimeContext: true, embedding: true }),
    );
    return stop;
  },
});

const some = (scenarios, prefix, names) =>
  Object.fromEntries(
    names.map((name) => [`${prefix}${name[0].toUpperCase()}${name.slice(1)}`, scenarios[name]]),
  );

export const scenarios = {
  ...genAi,
  ...some(legacy, "legacy", ["streamingCached", "tools", "anthropicCached"]),
  ...some(openInference, "openInference", ["streamingCached", "tools", "anthropicCached"]),
};
