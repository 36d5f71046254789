import { createRequire } from "node:module";
import { langfuseScenarios } from "../../langfuse.mjs";

const require = createRequire(import.meta.url);

export const scenarios = langfuseScenarios({
  require,
  langChain: false,
  withSession: (session, use) => {
    require("@langfuse/tracing").updateActiveTrace({
      ...session,
      tags: ["conformance"],
      metadata: { plan: "free" },
    });
    return use();
  },
});
