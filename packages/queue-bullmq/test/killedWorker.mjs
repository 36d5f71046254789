// A worker in a process of its own, to be killed. It runs the sources: vite compiles them as it does for the tests.
import { EventSourcingError } from "@es/core";
import { packageTests } from "@es/tooling-vitest";
import { Redis } from "ioredis";
import { createViteServer } from "vitest/node";

// `hold`: runs never end. `late`: they end when told to, then the process does. `park`: they fail for good, and the process
// dies as soon as the dead letter is written.
const [url, prefix, mode = "hold"] = process.argv.slice(2);
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

function dyingRedis(options) {
  const redis = new Redis(url, { ...options.redisOptions, replyMapping: "legacy" });
  for (const name of ["eval", "evalsha"]) {
    const run = redis[name].bind(redis);
    redis[name] = async (...command) => {
      const reply = await run(...command);
      if (command.some((part) => String(part).includes(":dead:"))) process.kill(process.pid, "SIGKILL");
      return reply;
    };
  }
  return redis;
}

const told = new Promise((resolve) => process.once("message", resolve));

/** What runs do, by mode. */
const runs = {
  hold: () => new Promise(() => setInterval(() => {}, 1_000)),
  park: () => {
    throw new EventSourcingError("STORE_REJECTED", "Failed in the child.");
  },
  async late(aggregateId) {
    await told;
    if (aggregateId !== "bad") throw new EventSourcingError("STORE_REJECTED", "Failed in the child.");
  },
};

const worker = new ProjectionWorkerBullMQ({
  connection: mode === "park" ? dyingRedis : url,
  prefix,
  limiter: null,
  concurrency: 4,
  lockDurationMs: 500,
  stalledIntervalMs: 100,
  run: async ({ aggregateId }) => {
    process.send?.(aggregateId);
    await runs[mode](aggregateId);
  },
});

if (mode === "late") {
  await told;
  await worker.close();
  process.send?.("closed", () => process.exit());
}
