import { type AppStart, Closers, type Logger, type RunningHttpServer } from "@es/host";
import {
  LeasesRedis,
  ProjectionQueueBullMQ,
  ProjectionWorkerBullMQ,
  type ProjectionWorkerBullMQOptions,
} from "@es/queue-bullmq";
import { openTraceStore, readTraceProjectionOptions, sessionSchedule } from "@es/trace-wiring";
import type { WorkerAppConfig } from "./config.js";
import type { WorkedQueue } from "./keepProjections.js";
import { startWorkerServer } from "./server.js";
import { type RunningWorker, startWorker } from "./worker.js";

/** A worker as a process of its own: ClickHouse over HTTP, the queue on Redis, and a port for its health and its operations. */
export async function startWorkerApp(
  config: WorkerAppConfig,
  { logger, closers, telemetry }: AppStart,
): Promise<void> {
  // Before anything is opened: a wrong file of prices ends the process.
  const projection = readTraceProjectionOptions(config);
  let server: RunningHttpServer | undefined;
  // Last of all: the server says until the end that the worker drains.
  closers.add(() => server?.close());
  const connections = new Closers({ atOnce: true });
  closers.add(() => connections.close());

  const redis = openRedis(config, { logger, connections, worker: () => worker });
  const { queue, sessions } = redis;
  const store = openTraceStore(config, logger, {
    projection,
    needs: ["project"],
    scheduleSessions: sessionSchedule(sessions.queue, config.SESSION_DELAY_MS),
  });
  connections.add(() => store.close());
  const worker: RunningWorker = startWorker(config, { ...redis, store, logger });
  closers.add(() => worker.stop());

  server = await startWorkerServer(config, {
    operations: {
      queue,
      reconcile: worker.reconcile,
      replays: worker.replays,
      generations: store.generations.operations,
      projections: { sessions: { queue: sessions.queue, reconcile: worker.reconcileSessions } },
    },
    readiness: {
      clickhouse: store.isReady,
      generations: store.generations.isReady,
      redis: redis.isReady,
    },
    logger,
  });
  closers.add(() => server?.beginDrain());
  // Once by itself: what is to be mended is in the log, whether somebody asks for it or not.
  redis.isReady().catch(() => undefined);
  logger.info({ url: server.url, telemetry }, "Worker started");
}

interface RedisDependencies {
  readonly logger: Logger;
  readonly connections: Closers;
  /** The worker that takes runs off the queues. It is made after them. */
  readonly worker: () => Pick<RunningWorker, "lookSoon">;
}

/** The queues, their workers and the leases of this process, on Redis. */
function openRedis(config: WorkerAppConfig, { logger, connections, worker }: RedisDependencies) {
  const redis = {
    connection: config.REDIS_URL,
    prefix: config.QUEUE_PREFIX,
    onError: (error: unknown) => logger.warn({ error }, "Redis fails the queue"),
  };
  const ofTraces = { ...redis, queueName: config.QUEUE_NAME };
  const ofSessions = { ...redis, queueName: config.SESSION_QUEUE_NAME };
  const queue = new ProjectionQueueBullMQ({ ...ofTraces, onRecovered: () => worker().lookSoon.traces() });
  connections.add(() => queue.close());
  const sessionQueue = new ProjectionQueueBullMQ({
    ...ofSessions,
    delayMs: config.SESSION_DELAY_MS,
    onRecovered: () => worker().lookSoon.sessions(),
  });
  connections.add(() => sessionQueue.close());
  const leases = new LeasesRedis(ofTraces);
  connections.add(() => leases.close());

  /** Those that take runs, once the schema is there. */
  const working: ProjectionWorkerBullMQ[] = [];
  const work = (options: ProjectionWorkerBullMQOptions) => {
    const made = new ProjectionWorkerBullMQ({
      lockDurationMs: config.WORKER_LOCK_MS,
      stalledIntervalMs: config.WORKER_STALLED_INTERVAL_MS,
      ...options,
    });
    working.push(made);
    return made;
  };
  const limiter =
    config.WORKER_RATE_LIMIT === 0 ? null : { max: config.WORKER_RATE_LIMIT, durationMs: 1_000 };
  const workTraces: WorkedQueue["work"] = (run, { onRecovered }) =>
    work({ ...ofTraces, run, onRecovered, concurrency: config.WORKER_CONCURRENCY, limiter });
  const workSessions: WorkedQueue["work"] = (run, { onRecovered }) =>
    work({ ...ofSessions, run, onRecovered, concurrency: config.SESSION_CONCURRENCY, limiter: null });
  return {
    queue,
    leases,
    work: workTraces,
    sessions: { queue: sessionQueue, work: workSessions },
    isReady: redisCheck(queue, () => [sessionQueue, leases, ...working], logger),
  };
}

/** Asks every part that talks to Redis. The queue's advice is logged once, as long as it stays the same. */
function redisCheck(
  queue: ProjectionQueueBullMQ,
  others: () => readonly { check(): Promise<unknown> }[],
  logger: Logger,
): () => Promise<string | undefined> {
  let advised: string | undefined;
  return async () => {
    const [advice] = await Promise.all([queue.check(), ...others().map((part) => part.check())]);
    if (advice !== undefined && advice !== advised)
      logger.warn({ advice }, "Redis works, but should be set up otherwise");
    advised = advice;
    return advice;
  };
}
