// The worker on the queue in memory, wired as standalone wires it.
import { startWorker, type WorkerConfig, workerVariables } from "@es/app-worker";
import { createLogger } from "@es/host";
import { LeasesMemory, ProjectionQueueMemory } from "@es/queue-memory";
import { openTraceStore, sessionSchedule } from "@es/trace-wiring";
import { z } from "zod";
import { BENCH_TENANT as tenantId } from "../../engines/place.js";
import { answerCalls } from "../../harness/program.js";
import { drained } from "./drained.js";
import type { RebuildPlace } from "./rebuilding.js";

const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null });
let sessionQueue: ProjectionQueueMemory;
let close = async () => {};

answerCalls({ open, rebuild, rebuildSessions: () => drained(sessionQueue) }, () => close());

async function open({ clickhouseUrl, database }: RebuildPlace): Promise<void> {
  // It looks at what lags once, at the start, when there is nothing yet.
  const config: WorkerConfig = z.object(workerVariables).parse({ RECONCILE_INTERVAL_MS: "0" });
  sessionQueue = new ProjectionQueueMemory({ delayMs: config.SESSION_DELAY_MS, limiter: null });
  const logger = createLogger({ name: "bench", defaultLevel: "warn" });
  const store = openTraceStore({ CLICKHOUSE_URL: clickhouseUrl, CLICKHOUSE_DATABASE: database }, logger, {
    scheduleSessions: sessionSchedule(sessionQueue, config.SESSION_DELAY_MS),
  });
  await store.opened;
  const worker = startWorker(config, {
    store,
    queue,
    leases: new LeasesMemory(),
    work: (run) => queue.work(run, { concurrency: config.WORKER_CONCURRENCY }),
    sessions: {
      queue: sessionQueue,
      work: (run) => sessionQueue.work(run, { concurrency: config.SESSION_CONCURRENCY }),
    },
    logger,
  });
  close = async () => {
    await queue.close();
    await sessionQueue.close();
    await worker.stop();
    await store.close();
  };
}

/** Seconds. */
async function rebuild(traceIds: readonly string[]): Promise<number> {
  const start = performance.now();
  await queue.schedule(traceIds.map((aggregateId) => ({ tenantId, aggregateId })));
  await drained(queue);
  return (performance.now() - start) / 1_000;
}
