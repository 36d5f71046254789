import {
  createEventSourcingPipeline,
  createProjectionConsumer,
  EventSourcingError,
  type ProjectionQueue,
  type ProjectionRun,
  type ProjectionWorker,
  reconcile,
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
  const { store, queue, work, logger } = dependencies;
  const { service } = createEventSourcingPipeline({
    eventStore: store.eventStore,
    projectionStore: store.projectionStore,
    eventHandler: new TraceProjectionEventHandler(),
    serviceOptions: { ordering: "timestamp" },
  });
  let stopped = false;
  let closeAll: (() => Promise<void>) | undefined;

  store.opened.then(
    () => {
      if (stopped) return;
      const worker = work(createProjectionConsumer(service));
      const reconciler = startReconciler({
        source: store.lag,
        queue,
        intervalMs: config.RECONCILE_INTERVAL_MS,
        onScheduled: (count) =>
          logger.info({ count }, "Scheduled traces whose projection lagged behind their spans"),
        onError: (error) => logger.warn({ error }, "Could not look for traces that lag behind; trying again"),
      });
      closeAll = async () => {
        // At once: a store that hangs delays both, and a look needs no runs.
        await Promise.all([reconciler.stop(), worker.close()]);
      };
    },
    // The store has logged why it cannot be opened, and /readyz says so.
    () => {},
  );

  return {
    async reconcile() {
      if (closeAll === undefined) {
        throw new EventSourcingError(
          "STORE_UNAVAILABLE",
          "The worker waits for ClickHouse; try again later.",
        );
      }
      return reconcile(store.lag, queue);
    },
    async stop() {
      stopped = true;
      await closeAll?.();
    },
  };
}
