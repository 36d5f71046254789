import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ProjectionQueue, ProjectionRun } from "@es/processing";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "@es/queue-bullmq";
import { ProjectionQueueMemory } from "@es/queue-memory";
import { type Percentiles, percentilesOf } from "./harness/percentiles.js";
import { offer } from "./offer.js";

export interface FairnessLoad {
  /** Measured, after a warm-up in which the backlog of the noisy tenants builds up. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Every run takes this long and no CPU, so that capacity is `concurrency / runMs`. */
  readonly runMs: number;
  readonly concurrency: number;
  readonly quietPerSecond: number;
  /** Of all noisy tenants together. */
  readonly noisyPerSecond: number;
}

export interface FairnessScenario {
  readonly queue: "memory" | "BullMQ";
  readonly fairness: "tenants" | null;
  /** 0: the quiet tenant is alone. */
  readonly noisyTenants: number;
}

export interface FairnessResult extends FairnessScenario {
  /**
   * From the schedule call to the end of the run, of the quiet tenant, milliseconds. Those that still wait in the end count
   * with what they have waited.
   */
  readonly freshnessMs: Percentiles;
  /** Runs of the noisy tenants that ended while measured, per second. */
  readonly noisyRunsPerSecond: number;
  /** Runs that waited in the end. */
  readonly backlog: number;
}

/** How to reach the queue from another process. */
export interface BullMQPlace {
  readonly connection: string;
  readonly prefix: string;
  readonly delayMs: number;
  readonly fairness: "tenants" | null;
}

const QUIET = "quiet";

/** One quiet tenant, alone or beside noisy ones that offer more than the worker can run. */
export async function measureFairness(
  scenario: FairnessScenario,
  load: FairnessLoad,
  place: Pick<BullMQPlace, "connection" | "prefix">,
): Promise<FairnessResult> {
  const scheduledAt = new Map<string, number>();
  const freshness: number[] = [];
  let measuring = false;
  let noisyRuns = 0;
  const run: ProjectionRun = async ({ tenantId, aggregateId }) => {
    await sleep(load.runMs);
    if (tenantId !== QUIET) {
      if (measuring) noisyRuns++;
      return;
    }
    if (measuring) freshness.push(performance.now() - (scheduledAt.get(aggregateId) ?? Number.NaN));
    scheduledAt.delete(aggregateId);
  };

  const tenants = Array.from({ length: scenario.noisyTenants }, (_, index) => `noisy-${index}`);
  const stopping = new AbortController();
  const { queue, makeNoise, close } =
    scenario.queue === "memory"
      ? inMemory(scenario, load, run)
      : onBullMQ({ ...place, delayMs: 0, fairness: scenario.fairness }, load, run);
  try {
    const offers = [
      offer({
        queue,
        tenants: [QUIET],
        ratePerSecond: load.quietPerSecond,
        signal: stopping.signal,
        onScheduling: ({ aggregateId }, at) => scheduledAt.set(aggregateId, at),
      }),
    ];
    if (tenants.length > 0) offers.push(makeNoise(tenants, stopping.signal));
    await sleep(load.warmUpSeconds * 1_000);
    measuring = true;
    await sleep(load.seconds * 1_000);
    measuring = false;
    const measuredAt = performance.now();
    for (const at of scheduledAt.values()) freshness.push(measuredAt - at);
    const { pending: backlog } = await queue.counts();
    stopping.abort();
    await Promise.all(offers);
    return {
      ...scenario,
      freshnessMs: percentilesOf(freshness),
      noisyRunsPerSecond: noisyRuns / load.seconds,
      backlog,
    };
  } finally {
    stopping.abort();
    await close();
  }
}

interface Bench {
  readonly queue: ProjectionQueue;
  makeNoise(tenants: readonly string[], signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

function inMemory(scenario: FairnessScenario, load: FairnessLoad, run: ProjectionRun): Bench {
  const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null, fairness: scenario.fairness });
  const worker = queue.work(run, { concurrency: load.concurrency });
  return {
    queue,
    makeNoise: (tenants, signal) => offer({ queue, tenants, ratePerSecond: load.noisyPerSecond, signal }),
    async close() {
      await queue.close();
      await worker.close();
    },
  };
}

function onBullMQ(place: BullMQPlace, load: FairnessLoad, run: ProjectionRun): Bench {
  const queue = new ProjectionQueueBullMQ({ ...place, telemetry: null, timeoutMs: 60_000 });
  const { connection, prefix } = place;
  const { concurrency } = load;
  const worker = new ProjectionWorkerBullMQ({
    connection,
    prefix,
    run,
    concurrency,
    limiter: null,
    telemetry: null,
  });
  let producer: ChildProcess | undefined;
  return {
    queue,
    async makeNoise(tenants, signal) {
      const script = fileURLToPath(new URL("./noisyProducer.js", import.meta.url));
      const child = fork(script, [JSON.stringify({ place, tenants, ratePerSecond: load.noisyPerSecond })]);
      producer = child;
      const ended = once(child, "exit");
      signal.addEventListener("abort", () => child.connected && child.send("stop"), { once: true });
      const [code] = await ended;
      if (code !== 0) throw new Error(`The noisy producer ended with ${code}.`);
      return 0;
    },
    async close() {
      producer?.kill("SIGKILL");
      await worker.close();
      await queue.close();
    },
  };
}
