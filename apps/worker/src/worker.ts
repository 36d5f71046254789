import {
  createEventSourcingPipeline,
  createProjectionConsumer,
  EventSourcingError,
  type Leases,
  type ProjectionQueue,
  type ProjectionRun,
  type ProjectionWorker,
  type Reconciler,
  type ReplayRunner,
  Replays,
  replayState,
  startReconciler,
  startReplayRunner,
} from "@es/core";
import type { ReconcileNow, ReplayOperations } from "@es/operations";
import type { Logger, RunningService } from "@es/service";
import { TraceProjectionEventHandler } from "@es/trace-projection";
import type { TraceStore } from "@es/trace-service";
import type { WorkerConfig } from "./config.js";

export interface WorkerDependencies {
  readonly store: Pick<
    TraceStore,
    "eventStore" | "projectionStore" | "lag" | "traces" | "replays" | "opened"
  >;
  readonly queue: Pick<ProjectionQueue, "schedule" | "deadLetters">;
  /** Lets one of all workers look for what lags, and one work on a replay. */
  readonly leases: Pick<Leases, "acquire">;
  /** Takes runs off the queue. */
  readonly work: (run: ProjectionRun) => ProjectionWorker;
  readonly logger: Logger;
}

export interface RunningWorker extends RunningService {
  /** Schedules everything that lags behind its spans, now. @throws EventSourcingError `STORE_UNAVAILABLE` before the schema is there */
  readonly reconcile: ReconcileNow;
  readonly replays: ReplayOperations;
}

/** Rebuilds what is scheduled, and schedules what lags behind. Waits for the schema, then works until it is stopped. */
export function startWorker(config: WorkerConfig, dependencies: WorkerDependencies): RunningWorker {
  const { store, queue, leases, work, logger } = dependencies;
  const { service } = createEventSourcingPipeline({
    eventStore: store.eventStore,
    projectionStore: store.projectionStore,
    eventHandler: new TraceProjectionEventHandler(),
    serviceOptions: { ordering: "timestamp" },
  });
  let stopped = false;
  let running:
    | {
        readonly worker: ProjectionWorker;
        readonly reconciler: Reconciler;
        readonly replayRunner: ReplayRunner;
      }
    | undefined;

  store.opened.then(
    () => {
      if (stopped) return;
      const worker = work(createProjectionConsumer(service));
      const reconciler = startReconciler({
        source: store.lag,
        queue,
        leases,
        intervalMs: config.RECONCILE_INTERVAL_MS,
        everythingEveryMs: config.RECONCILE_EVERYTHING_INTERVAL_MS,
        graceMs: config.RECONCILE_GRACE_MS,
        onLook: ({ lagging, scheduled, oldestLagMs, everything }) => {
          if (scheduled === 0) return;
          logger.info(
            { lagging, scheduled, oldestLagSeconds: Math.round(oldestLagMs / 1_000), everything },
            "Scheduled traces whose projection lagged behind their spans",
          );
        },
        onError: (error) => logger.warn({ error }, "Could not look for traces that lag behind; trying again"),
      });
      const replayRunner = startReplayRunner({
        store: store.replays,
        source: store.traces,
        service,
        leases,
        concurrency: config.REPLAY_CONCURRENCY,
        onStarted: ({ definition, progress }) =>
          logger.info({ replay: definition.id, cursor: progress?.cursor }, "Working on a replay"),
        onEnded: (replay) =>
          logger.info({ replay: replay.definition.id, state: replayState(replay) }, "A replay ended"),
        onWaiting: (error, replay) => logger.warn({ error, replay }, "A replay waits for ClickHouse"),
        onError: (error) => logger.warn({ error }, "Could not look for replays; trying again"),
      });
      running = { worker, reconciler, replayRunner };
    },
    // The store has logged why it cannot be opened, and /readyz says so.
    () => {},
  );

  return {
    async reconcile() {
      if (running === undefined) {
        throw new EventSourcingError(
          "STORE_UNAVAILABLE",
          "The worker waits for ClickHouse; try again later.",
        );
      }
      const { scheduled } = await running.reconciler.look({ everything: true, graceMs: 0 });
      return scheduled;
    },
    replays: { replays: new Replays(store.replays), wake: () => running?.replayRunner.wake() },
    async stop() {
      stopped = true;
      // At once: a store that hangs delays them all, and a look needs no runs.
      await Promise.all([running?.reconciler.stop(), running?.worker.close(), running?.replayRunner.stop()]);
    },
  };
}
