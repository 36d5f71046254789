import type { Logger, RunningService } from "@es/host";
import {
  LeasesRedis,
  ProjectionQueueBullMQ,
  ProjectionWorkerBullMQ,
  type ProjectionWorkerBullMQOptions,
} from "@es/queue-bullmq";
import { openTraceStore, readTraceProjectionOptions, sessionSchedule } from "@es/trace-wiring";
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
  const redis = {
    connection: config.REDIS_URL,
    prefix: config.QUEUE_PREFIX,
    onError: (error: unknown) => logger.warn({ error }, "Redis fails the queue"),
  };
  const shared = { ...redis, queueName: config.QUEUE_NAME };
  const sharedBySessions = { ...redis, queueName: config.SESSION_QUEUE_NAME };
  const queue = new ProjectionQueueBullMQ({ ...shared, onRecovered: () => worker.lookSoon.traces() });
  const sessionQueue = new ProjectionQueueBullMQ({
    ...sharedBySessions,
    delayMs: config.SESSION_DELAY_MS,
    onRecovered: () => worker.lookSoon.sessions(),
  });
  const leases = new LeasesRedis(shared);
  const store = openTraceStore(config, logger, {
    projection,
    needs: ["project"],
    scheduleSessions: sessionSchedule(sessionQueue, config.SESSION_DELAY_MS),
  });
  const locks = {
    lockDurationMs: config.WORKER_LOCK_MS,
    stalledIntervalMs: config.WORKER_STALLED_INTERVAL_MS,
  };
  /** Those that take runs, once the schema is there. */
  const working: ProjectionWorkerBullMQ[] = [];
  const work = (options: ProjectionWorkerBullMQOptions) => {
    const made = new ProjectionWorkerBullMQ(options);
    working.push(made);
    return made;
  };
  let advised: string | undefined;
  const redisIsReady = async () => {
    const [advice] = await Promise.all([
      queue.check(),
      sessionQueue.check(),
      leases.check(),
      ...working.map((one) => one.check()),
    ]);
    if (advice !== undefined && advice !== advised)
      logger.warn({ advice }, "Redis works, but should be set up otherwise");
    advised = advice;
    return advice;
  };
  const worker = startWorker(config, {
    store,
    queue,
    leases,
    work: (run, { onRecovered }) =>
      work({
        ...shared,
        run,
        onRecovered,
        ...locks,
        concurrency: config.WORKER_CONCURRENCY,
        limiter: config.WORKER_RATE_LIMIT === 0 ? null : { max: config.WORKER_RATE_LIMIT, durationMs: 1_000 },
      }),
    sessions: {
      queue: sessionQueue,
      work: (run, { onRecovered }) =>
        work({
          ...sharedBySessions,
          run,
          onRecovered,
          ...locks,
          concurrency: config.SESSION_CONCURRENCY,
          limiter: null,
        }),
    },
    logger,
  });
  const closeEngines = async () => {
    await worker.stop();
    await Promise.all([queue.close(), sessionQueue.close(), leases.close(), store.close()]);
  };
  try {
    const server = await startWorkerServer(config, {
      operations: {
        queue,
        reconcile: worker.reconcile,
        replays: worker.replays,
        generations: store.generations.operations,
        projections: { sessions: { queue: sessionQueue, reconcile: worker.reconcileSessions } },
      },
      readiness: {
        clickhouse: store.isReady,
        generations: store.generations.isReady,
        redis: redisIsReady,
      },
      logger,
    });
    // Once by itself: what is to be mended is in the log, whether somebody asks for it or not.
    redisIsReady().catch(() => undefined);
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
