// A worker in a process of its own, to be killed. It runs the sources: vite compiles them as it does for the tests.
import { packageTests } from "@es/tooling-vitest";
import { createViteServer } from "vitest/node";

const [connection, prefix] = process.argv.slice(2);
const { root, resolve } = packageTests(new URL("../vitest.config.ts", import.meta.url).href);
const server = await createViteServer({
  root,
  resolve,
  configFile: false,
  appType: "custom",
  logLevel: "error",
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
});
const { ProjectionWorkerBullMQ } = await server.ssrLoadModule("/src/index.ts");
new ProjectionWorkerBullMQ({
  connection,
  prefix,
  limiter: null,
  concurrency: 4,
  lockDurationMs: 500,
  stalledIntervalMs: 100,
  run: async ({ aggregateId }) => {
    process.send?.(aggregateId);
    await new Promise(() => setInterval(() => {}, 1_000));
  },
});
