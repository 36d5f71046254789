import {
  createEventSourcingPipeline,
  createProjectionConsumer,
  EventSourcingError,
  type Leases,
  type ProjectionQueue,
  type ProjectionRun,
  type ProjectionWorker,
  type Reconciler,
  startReconciler,
} from "@es/core";
import type { ReconcileNow } from "@es/operations";
import type { Logger, RunningService } from "@es/service";
import { TraceProjectionEventHandler } from "@es/trace-projection";
import type { TraceStore } from "@es/trace-service";
import type { WorkerConfig } from "./config.js";

export interface WorkerDependencies {
  readonly store: Pick<TraceStore, "eventStore" | "projectionStore" | "lag" | "opened">;
  readonly queue: Pick<ProjectionQueue, "schedule">;
  /** Lets one of all workers look for what lags. */
  readonly leases: Pick<Leases, "acquire">;
  /** Takes runs off the queue. */
  readonly work: (run: ProjectionRun) => ProjectionWorker;
  readonly logger: Logger;
}

export interface RunningWorker extends RunningService {
  /** Schedules everything that lags behind its spans, now. @throws EventSourcingError `STORE_UNAVAILABLE` before the schema is there */
  readonly reconcile: ReconcileNow;
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
  let running: { readonly worker: ProjectionWorker; readonly reconciler: Reconciler } | undefined;

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
          if (lagging === 0) return;
          logger.info(
            { lagging, scheduled, oldestLagSeconds: Math.round(oldestLagMs / 1_000), everything },
            "Scheduled traces whose projection lagged behind their spans",
          );
        },
        onError: (error) => logger.warn({ error }, "Could not look for traces that lag behind; trying again"),
      });
      running = { worker, reconciler };
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
    async stop() {
      stopped = true;
      // At once: a store that hangs delays both, and a look needs no runs.
      await Promise.all([running?.reconciler.stop(), running?.worker.close()]);
    },
  };
}
