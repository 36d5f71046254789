import { createRequire } from "node:module";
import { aiSdkScenarios } from "../../aiSdk.mjs";
import { startTracing } from "../../tracing.mjs";

const require = createRequire(import.meta.url);

export const scenarios = aiSdkScenarios({
  require,
  sdk: "ai",
  start: startTracing,
  toolParameters: "inputSchema",
  threeSteps: ({ stepCountIs }) => ({ stopWhen: stepCountIs(3) }),
  embedding: "textEmbeddingModel",
});
