import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { startConsole } from "@es/app-console";
import { startIngest } from "@es/app-ingest";
import { startWorker, startWorkerServer } from "@es/app-worker";
import { type RunningClickHouse, StartError, startClickHouse } from "@es/clickhouse-embedded";
import {
  assertPortIsFree,
  type Closers,
  ConfigurationError,
  type Logger,
  openAccess,
  type RunningHttpServer,
} from "@es/host";
import { LeasesMemory, ProjectionQueueMemory } from "@es/queue-memory";
import { SpanIngestionWriteRepositoryClickHouse } from "@es/trace-clickhouse";
import {
  openTraceStore,
  readTraceProjectionOptions,
  sessionSchedule,
  type TraceStore,
  type TraceStoreOptions,
} from "@es/trace-wiring";
import type { StandaloneConfig } from "./config.js";

/** What a start needs; closing `closers` stops what runs. */
export interface StandaloneStart {
  readonly logger: Logger;
  readonly closers: Closers;
  readonly signal?: AbortSignal | undefined;
}

export interface StandaloneAddresses {
  readonly ingestUrl: string;
  readonly consoleUrl: string;
  readonly operationsUrl: string;
}

const DATABASE = "es";
/** The engine's, in `DATA_DIR`. */
const ENGINE_FOLDER = "clickhouse";

/**
 * Ingest, worker and console in one process, on the embedded engine and the in-process queue. A crash loses nothing that
 * was acknowledged: at the next start the reconciler schedules every trace whose projection is behind.
 */
export async function startStandalone(
  config: StandaloneConfig,
  { logger, closers, signal }: StandaloneStart,
  options: TraceStoreOptions = {},
): Promise<StandaloneAddresses> {
  const projection = readTraceProjectionOptions(config);
  // Before anything is opened: the mistake that is made most often should be the quickest to show.
  await assertPortsAreFree(config);
  const access = await openAccess(config, {
    logger,
    hosts: { INGEST_HOST: config.INGEST_HOST, CONSOLE_HOST: config.CONSOLE_HOST },
  });
  closers.add(() => access.close());

  const sessionQueue = new ProjectionQueueMemory({ delayMs: config.SESSION_DELAY_MS, limiter: null });
  closers.add(() => sessionQueue.close());
  const store = await openStore(config, {
    logger,
    closers,
    signal,
    sessionQueue,
    options: { projection, ...options },
  });
  const queue = new ProjectionQueueMemory({ delayMs: config.QUEUE_DELAY_MS, limiter: null });
  closers.add(() => queue.close());

  const shared = { store, queue, sessionQueue, logger, closers };
  const operations = await startWork(config, shared);
  const console = await startConsole(config, { store, access, logger });
  closers.add(() => console.stop());
  const repository = new SpanIngestionWriteRepositoryClickHouse({
    eventStore: store.eventStore,
    queue,
    onScheduleError: (error) =>
      logger.warn({ error }, "Traces were stored but not scheduled; the reconciler will"),
  });
  const ingest = await startIngest(config, { repository, store, access, logger });
  closers.add(() => ingest.stop());
  return { ingestUrl: ingest.url, consoleUrl: console.url, operationsUrl: operations.url };
}

async function assertPortsAreFree(config: StandaloneConfig): Promise<void> {
  const { INGEST_HOST, INGEST_PORT, CONSOLE_HOST, CONSOLE_PORT, WORKER_HOST, WORKER_PORT } = config;
  await assertPortIsFree({ host: INGEST_HOST, port: INGEST_PORT, portVariable: "INGEST_PORT" });
  await assertPortIsFree({ host: CONSOLE_HOST, port: CONSOLE_PORT, portVariable: "CONSOLE_PORT" });
  await assertPortIsFree({ host: WORKER_HOST, port: WORKER_PORT, portVariable: "WORKER_PORT" });
}

interface OpenStoreOptions extends StandaloneStart {
  readonly sessionQueue: ProjectionQueueMemory;
  readonly options: TraceStoreOptions;
}

/** Starts the embedded engine, and waits for the schema in it. */
async function openStore(
  config: StandaloneConfig,
  { logger, closers, signal, sessionQueue, options }: OpenStoreOptions,
): Promise<TraceStore> {
  closeToOthers(config.DATA_DIR);
  const password = config.CLICKHOUSE_PASSWORD ?? randomUUID();
  const engine = await startEngine(config, password);
  closers.add(() => engine.close());
  const opened = openTraceStore(
    {
      CLICKHOUSE_URL: engine.url,
      CLICKHOUSE_PASSWORD: password,
      CLICKHOUSE_DATABASE: DATABASE,
      TRACE_MAX_BYTES: config.TRACE_MAX_BYTES,
      SPAN_RETENTION_DAYS: config.SPAN_RETENTION_DAYS,
      KEPT_FOLDS_BYTES: config.KEPT_FOLDS_BYTES,
    },
    logger,
    { ...options, scheduleSessions: sessionSchedule(sessionQueue, config.SESSION_DELAY_MS) },
  );
  closers.add(() => opened.close());
  await Promise.race([opened.opened, abortOf(signal)]);
  return {
    ...opened,
    // The engine knows what no query shows: that its data directory is gone, or its disk full.
    async isReady(): Promise<string | undefined> {
      await engine.check();
      const note = await opened.isReady();
      return typeof note === "string" ? note : undefined;
    },
  };
}

/** Rejects when the process is told to stop: the schema may wait for as long as the disk is full. */
function abortOf(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted === true) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

interface WorkOptions extends Pick<StandaloneStart, "logger" | "closers"> {
  readonly store: TraceStore;
  readonly queue: ProjectionQueueMemory;
  readonly sessionQueue: ProjectionQueueMemory;
}

/** Rebuilds projections, and serves the operations. */
async function startWork(
  config: StandaloneConfig,
  { store, queue, sessionQueue, logger, closers }: WorkOptions,
): Promise<RunningHttpServer> {
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
  closers.add(() => worker.stop());
  const operations = await startWorkerServer(config, {
    operations: {
      queue,
      reconcile: worker.reconcile,
      replays: worker.replays,
      generations: store.generations.operations,
      projections: { sessions: { queue: sessionQueue, reconcile: worker.reconcileSessions } },
    },
    readiness: { clickhouse: store.isReady, generations: store.generations.isReady },
    logger,
  });
  closers.add(async () => {
    operations.beginDrain();
    await operations.close();
  });
  return operations;
}

/**
 * Closes a folder of an earlier version to other users; the engine makes a missing one closed. One that holds anything else is left as it
 * is: it may be a common one, and the engine closes its own folder in it.
 */
function closeToOthers(dataDir: string): void {
  if (!existsSync(dataDir)) return;
  const { mode, uid } = statSync(dataDir);
  if ((mode & 0o077) === 0 || uid !== process.getuid?.() || !statSync(dataDir).isDirectory()) return;
  const isOurs = readdirSync(dataDir).every((name) => name === ENGINE_FOLDER || name.endsWith(".json"));
  if (isOurs) chmodSync(dataDir, 0o700);
}

/** @throws ConfigurationError for what an operator can mend */
async function startEngine(config: StandaloneConfig, password: string): Promise<RunningClickHouse> {
  try {
    return await startClickHouse({
      dataDir: join(config.DATA_DIR, ENGINE_FOLDER),
      port: config.CLICKHOUSE_PORT,
      durability: config.CLICKHOUSE_DURABILITY,
      password,
      ...(config.CLICKHOUSE_READONLY_PASSWORD === undefined
        ? {}
        : { readOnlyPassword: config.CLICKHOUSE_READONLY_PASSWORD }),
    });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const message = `Cannot start ClickHouse (DATA_DIR, CLICKHOUSE_PORT, CLICKHOUSE_READONLY_PASSWORD): ${error.message}`;
    throw new ConfigurationError(message, { cause: error });
  }
}
