import { ProjectionQueueBullMQ } from "@es/queue-bullmq";
import type { TestEngines } from "@es/tooling-engines";
import { Queue } from "bullmq";
import { BENCH_TENANT, type Place, takePlace } from "../../engines/place.js";
import type { Contender, Role } from "../../harness/comparison.js";
import type { Scenario } from "../../harness/scenario.js";
import { genAiTraces } from "../../load/genAiTraces.js";

const TRACES = 10_000;
const HOUR_MS = 3_600_000;

export const memory: Scenario = {
  name: "memory",
  title: "Memory of the queue",
  about:
    "Bytes that Redis holds for a trace that waits for its projection, by `used_memory`: what a backlog costs. What the processes " +
    "hold under load stands in the tables of the other scenarios.",
  async run({ options, startEngines, compare }) {
    const engines = await startEngines();
    const traces = options.quick ? 500 : TRACES;
    await compare({
      name: "traces that wait",
      unit: "traces",
      figures: { redis: { label: "Redis", unit: "bytes per trace" } },
      rounds: 1,
      contenders: [
        waiting({ name: "ours", role: "ours", engines, traces }, ({ redisUrl, prefix }) => {
          const queue = new ProjectionQueueBullMQ({ connection: redisUrl, prefix, delayMs: HOUR_MS });
          return {
            add: (traceIds) =>
              queue.schedule(traceIds.map((aggregateId) => ({ tenantId: BENCH_TENANT, aggregateId }))),
            close: () => queue.close(),
          };
        }),
        waiting(
          { name: "a BullMQ job per trace", role: "baseline", engines, traces },
          ({ redisUrl, prefix }) => {
            const queue = new Queue("projections", { connection: { url: redisUrl }, prefix });
            return {
              async add(traceIds) {
                const jobs = traceIds.map((traceId) => ({
                  name: "project",
                  data: { tenantId: BENCH_TENANT, traceId },
                  opts: { deduplication: { id: `${BENCH_TENANT}:${traceId}` }, delay: HOUR_MS },
                }));
                await queue.addBulk(jobs);
              },
              close: () => queue.close(),
            };
          },
        ),
      ],
    });
  },
};

interface WaitingSetUp {
  readonly name: string;
  readonly role: Role;
  readonly engines: TestEngines;
  readonly traces: number;
}

interface WaitingQueue {
  add(traceIds: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

function waiting(
  { name, role, engines, traces }: WaitingSetUp,
  open: (place: Place) => WaitingQueue,
): Contender {
  const traceIds = genAiTraces({ traces, spansPerTrace: 1, seed: 1 }).map(({ traceId }) => traceId);
  let place: Place;
  let queue: WaitingQueue;
  const usedMemory = async () =>
    Number(/used_memory:(\d+)/.exec(await place.redis.info("memory"))?.[1] ?? Number.NaN);
  return {
    name,
    role,
    async open() {
      place = takePlace(engines);
      queue = open(place);
      // A queue's scripts and its own keys are there before.
      await queue.add(traceIds.slice(0, 1));
    },
    async round() {
      const before = await usedMemory();
      const start = performance.now();
      await queue.add(traceIds);
      const seconds = (performance.now() - start) / 1_000;
      return { count: traces, seconds, figures: { redis: ((await usedMemory()) - before) / traces } };
    },
    async close() {
      await queue?.close();
      await place?.close();
    },
  };
}
