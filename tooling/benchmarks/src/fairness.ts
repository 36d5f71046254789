// `npm run bench:fairness`: how long a quiet tenant waits, alone and beside noisy ones.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { startLocalRedis } from "@es/tooling-engines";
import { Redis } from "ioredis";
import {
  type FairnessLoad,
  type FairnessResult,
  type FairnessScenario,
  measureFairness,
} from "./fairnessScenario.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    "warm-up": { type: "string", default: "5" },
    "run-ms": { type: "string", default: "50" },
    concurrency: { type: "string", default: "10" },
    "quiet-rate": { type: "string", default: "5" },
    "noisy-rate": { type: "string", default: "500" },
    json: { type: "string" },
  },
});

const load: FairnessLoad = {
  seconds: Number(values.seconds),
  warmUpSeconds: Number(values["warm-up"]),
  runMs: Number(values["run-ms"]),
  concurrency: Number(values.concurrency),
  quietPerSecond: Number(values["quiet-rate"]),
  noisyPerSecond: Number(values["noisy-rate"]),
};
const capacity = (load.concurrency / load.runMs) * 1_000;

const scenarios: readonly FairnessScenario[] = (["memory", "BullMQ"] as const).flatMap((queue) => [
  { queue, fairness: "tenants" as const, noisyTenants: 0 },
  { queue, fairness: "tenants" as const, noisyTenants: 1 },
  { queue, fairness: "tenants" as const, noisyTenants: 10 },
  { queue, fairness: null, noisyTenants: 1 },
]);

const given = process.env.REDIS_URL;
const redis = given === undefined ? await startLocalRedis() : { url: given, close: async () => {} };
const admin = new Redis(redis.url);
const server = /redis_version:(\S+)/.exec(await admin.info("server"))?.[1] ?? "unknown";
const results: FairnessResult[] = [];

console.log(
  `Freshness of a tenant that schedules ${load.quietPerSecond} refs/s, from the schedule call to the end of the run.\n` +
    `Noisy tenants schedule ${load.noisyPerSecond}/s together. Runs take ${load.runMs} ms, ${load.concurrency} at once: ` +
    `at most ${capacity} runs/s.\n${load.seconds} s each, after ${load.warmUpSeconds} s. Node.js ${process.version}, Redis ${server}.\n`,
);
console.log(
  row([
    "queue",
    "turns",
    "noisy tenants",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "max ms",
    "runs",
    "noisy runs/s",
    "backlog",
  ]),
);
try {
  for (const scenario of scenarios) {
    const prefix = `{bench-${randomUUID()}}`;
    const result = await measureFairness(scenario, load, { connection: redis.url, prefix });
    results.push(result);
    const { p50, p95, p99, max, count } = result.freshnessMs;
    console.log(
      row([
        result.queue,
        result.fairness === null ? "off" : "on",
        String(result.noisyTenants),
        ...[p50, p95, p99, max].map((ms) => ms.toFixed(0)),
        String(count),
        result.noisyRunsPerSecond.toFixed(0),
        String(result.backlog),
      ]),
    );
    await forget(prefix);
  }
} finally {
  admin.disconnect();
  await redis.close();
}
const report = { load, capacityPerSecond: capacity, node: process.version, redis: server, results };
if (values.json === undefined) console.log(`\n${JSON.stringify(report)}`);
else await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index < 2 ? cell.padEnd(7) : cell.padStart(13))).join(" ");
}

/** Leaves nothing in a Redis that is not ours. */
async function forget(prefix: string): Promise<void> {
  for await (const keys of admin.scanStream({ match: `${prefix}:*`, count: 1_000 })) {
    if (keys.length > 0) await admin.unlink(...keys);
  }
}
