import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["packages/*/vitest.config.ts", "apps/*/vitest.config.ts", "tooling/*/vitest.config.ts"],
    // Two files at once: the engines beside them need the rest of a small machine.
    maxWorkers: 2,
    passWithNoTests: false,
  },
});
