import { createRequire } from "node:module";
import { langfuseScenarios } from "../../langfuse.mjs";

const require = createRequire(import.meta.url);

export const scenarios = langfuseScenarios({
  require,
  langChain: true,
  withSession: (session, use) =>
    require("@langfuse/tracing").propagateAttributes(
      { ...session, tags: ["conformance"], metadata: { plan: "free" } },
      use,
    ),
});
