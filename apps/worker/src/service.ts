import { LeasesRedis, ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "@es/queue-bullmq";
import type { Logger, RunningService } from "@es/service";
import { openTraceStore, readTraceProjectionOptions } from "@es/trace-service";
import type { WorkerServiceConfig } from "./config.js";
import { startWorkerServer } from "./server.js";
import { startWorker } from "./worker.js";

/** A worker as a process of its own: ClickHouse over HTTP, the queue on Redis, and a port for its health and its operations. */
export async function startWorkerService(
  config: WorkerServiceConfig,
  logger: Logger,
): Promise<RunningService & { readonly url: string }> {
  // Before anything is opened: a wrong file of prices ends the process.
  const projection = readTraceProjectionOptions(config);
  const shared = {
    connection: config.REDIS_URL,
    queueName: config.QUEUE_NAME,
    prefix: config.QUEUE_PREFIX,
    onError: (error: unknown) => logger.warn({ error }, "Redis does not answer"),
  };
  const queue = new ProjectionQueueBullMQ(shared);
  const leases = new LeasesRedis(shared);
  const store = openTraceStore(config, logger, { projection });
  const worker = startWorker(config, {
    store,
    queue,
    leases,
    work: (run) =>
      new ProjectionWorkerBullMQ({
        ...shared,
        run,
        concurrency: config.WORKER_CONCURRENCY,
        lockDurationMs: config.WORKER_LOCK_MS,
        stalledIntervalMs: config.WORKER_STALLED_INTERVAL_MS,
        limiter: config.WORKER_RATE_LIMIT === 0 ? null : { max: config.WORKER_RATE_LIMIT, durationMs: 1_000 },
      }),
    logger,
  });
  const closeEngines = async () => {
    await worker.stop();
    await queue.close();
    await leases.close();
    await store.close();
  };
  try {
    const server = await startWorkerServer(config, {
      operations: {
        queue,
        reconcile: worker.reconcile,
        replays: worker.replays,
        generations: store.generations.operations,
      },
      readiness: {
        clickhouse: store.isReady,
        generations: store.generations.isReady,
        redis: async () => void (await queue.counts()),
      },
      logger,
    });
    return {
      url: server.url,
      async stop() {
        server.beginDrain();
        await closeEngines();
        await server.close();
      },
    };
  } catch (error) {
    await closeEngines();
    throw error;
  }
}
