import { EventSourcingError } from "@es/core";
import type { Logger } from "@es/host";
import type { ReconcileNow } from "@es/operations";
import {
  type EngineAvailability,
  type Leases,
  type ProjectionQueue,
  type ProjectionRun,
  type ProjectionWorker,
  Reconciler,
  rebuildDirectly,
  startGenerationReconcilers,
  waitForEngine,
} from "@es/processing";
import type { KeptProjections } from "@es/trace-wiring";
import type { WorkerConfig } from "./config.js";

/** The queue of one kind of projection, and who takes runs off it. */
export interface WorkedQueue {
  readonly queue: Pick<ProjectionQueue, "schedule" | "deadLetters">;
  /** Takes runs off the queue. `onRecovered`: the queue works again after it did not, so schedule calls may be missing. */
  readonly work: (run: ProjectionRun, events: { readonly onRecovered: () => void }) => ProjectionWorker;
}

export interface KeepProjectionsOptions extends WorkedQueue {
  /** In log lines, and in the names of leases. */
  readonly kind: "traces" | "sessions";
  readonly projections: KeptProjections;
  readonly availability: EngineAvailability;
  /** Lets one of all workers look for what lags. */
  readonly leases: Pick<Leases, "acquire">;
  readonly logger: Logger;
}

export interface KeptUp {
  /** Schedules everything that lags behind its events, now. @throws EventSourcingError `STORE_UNAVAILABLE` before the schema is there */
  readonly reconcile: ReconcileNow;
  /** Looks soon for what lags, one of all workers: an engine is back. */
  lookSoon(): void;
  /** `drainTimeoutMs`: how long the runs under way may take to end. Those that do not go back to the queue. @default 30 000 */
  stop(options?: { readonly drainTimeoutMs?: number }): Promise<void>;
}

/** Rebuilds what is scheduled of one kind of projection, and schedules what lags behind. */
export function keepProjections(
  config: Pick<
    WorkerConfig,
    "RECONCILE_INTERVAL_MS" | "RECONCILE_EVERYTHING_INTERVAL_MS" | "RECONCILE_GRACE_MS"
  >,
  { kind, projections, queue, work, availability, leases, logger }: KeepProjectionsOptions,
): KeptUp {
  /** That of the serving generation. */
  let current: Reconciler | undefined;

  /** What lags in the serving generation is scheduled. The others are built and kept up beside the queue. */
  function reconcilerOf(generation: number, serving: boolean): Pick<Reconciler, "stop"> {
    const stopping = new AbortController();
    const directly = () =>
      rebuildDirectly(projections.serviceOf(generation), {
        signal: stopping.signal,
        onFailure: (error, ref) => projections.reportFailure(error, generation, ref),
      });
    const reconciler = new Reconciler({
      source: projections.lagOf(generation),
      queue: serving ? queue : directly(),
      ...reconcilerName(kind, serving ? undefined : generation),
      leases,
      intervalMs: config.RECONCILE_INTERVAL_MS,
      everythingEveryMs: config.RECONCILE_EVERYTHING_INTERVAL_MS,
      graceMs: config.RECONCILE_GRACE_MS,
      onLook: ({ lagging, scheduled, oldestLagMs, everything }) => {
        if (scheduled === 0) return;
        logger.info(
          { generation, lagging, scheduled, oldestLagSeconds: Math.round(oldestLagMs / 1_000), everything },
          serving ? lagged[kind] : `Built ${kind} that lagged in a generation that does not serve`,
        );
      },
      onError: (error) =>
        logger.warn({ error, generation }, `Could not look for ${kind} that lag behind; trying again`),
    });
    if (serving) current = reconciler;
    reconciler.start();
    return {
      async stop() {
        stopping.abort();
        await reconciler.stop();
      },
    };
  }

  const stopping = new AbortController();
  const lookSoon = () => current?.lookSoon();
  const worker = work(waitForEngine(projections.projector.run, availability, { signal: stopping.signal }), {
    onRecovered: lookSoon,
  });
  const reconcilers = startGenerationReconcilers({
    generations: projections.view,
    runnable: projections.runnable,
    start: (generation, { serving }) => reconcilerOf(generation, serving),
    onError: (error) => logger.warn({ error }, "The generations cannot be read; trying again"),
  });

  return {
    lookSoon,
    async reconcile() {
      if (current === undefined) throw notYet();
      const { scheduled } = await current.look({ everything: true, graceMs: 0 });
      return scheduled;
    },
    async stop(options = {}) {
      // Runs that wait for an engine that is away would wait for as long as it is.
      stopping.abort(new EventSourcingError("ABORTED", "The worker closes; the run goes back to the queue."));
      // At once: a store that hangs delays them all, and a look needs no runs.
      await Promise.all([reconcilers.stop(), worker.close(options)]);
      await projections.projector.drain();
    },
  };
}

export function notYet(): EventSourcingError {
  return new EventSourcingError("STORE_UNAVAILABLE", "The worker waits for ClickHouse; try again later.");
}

const lagged = {
  traces: "Scheduled traces whose projection lagged behind their spans",
  sessions: "Scheduled sessions whose projection lagged behind their traces",
} as const;

/** Those of traces have the names they had when there was nothing else. */
function reconcilerName(kind: "traces" | "sessions", beside: number | undefined): { readonly name?: string } {
  if (kind === "sessions") {
    return { name: beside === undefined ? "sessions" : `sessions of generation ${beside}` };
  }
  return beside === undefined ? {} : { name: `generation ${beside}` };
}
