import {
  EngineProbe,
  EventSourcingError,
  type Leases,
  type ProjectionQueue,
  type ProjectionRun,
  type ProjectionWorker,
  Reconciler,
  type ReplayRunner,
  Replays,
  rebuildDirectly,
  replayState,
  startGenerationReconcilers,
  startReplayRunner,
  waitForEngine,
} from "@es/core";
import type { ReconcileNow, ReplayOperations } from "@es/operations";
import type { Logger, RunningService } from "@es/service";
import type { TraceStore } from "@es/trace-service";
import type { WorkerConfig } from "./config.js";

export interface WorkerDependencies {
  readonly store: Pick<TraceStore, "generations" | "traces" | "replays" | "opened" | "isReady">;
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
  const { generations } = store;
  const availability = new EngineProbe({
    probe: store.isReady,
    onAway: (error) => logger.warn({ error }, "ClickHouse is away; rebuilds wait for it"),
    onBack: () => logger.info("ClickHouse is back; rebuilds go on"),
  });
  let stopped = false;
  let running:
    | {
        readonly worker: ProjectionWorker;
        readonly reconcilers: Pick<Reconciler, "stop">;
        readonly replayRunner: ReplayRunner;
      }
    | undefined;
  /** That of the serving generation. */
  let current: Reconciler | undefined;

  /** What lags in the serving generation is scheduled. The others are built and kept up beside the queue. */
  function reconcilerOf(generation: number, serving: boolean): Pick<Reconciler, "stop"> {
    const stopping = new AbortController();
    const directly = () =>
      rebuildDirectly(generations.serviceOf(generation), {
        signal: stopping.signal,
        onFailure: (error, ref) => generations.reportFailure(error, generation, ref),
      });
    const reconciler = new Reconciler({
      source: generations.lagOf(generation),
      queue: serving ? queue : directly(),
      ...(serving ? {} : { name: `generation ${generation}` }),
      leases,
      intervalMs: config.RECONCILE_INTERVAL_MS,
      everythingEveryMs: config.RECONCILE_EVERYTHING_INTERVAL_MS,
      graceMs: config.RECONCILE_GRACE_MS,
      onLook: ({ lagging, scheduled, oldestLagMs, everything }) => {
        if (scheduled === 0) return;
        logger.info(
          { generation, lagging, scheduled, oldestLagSeconds: Math.round(oldestLagMs / 1_000), everything },
          serving
            ? "Scheduled traces whose projection lagged behind their spans"
            : "Built traces that lagged in a generation that does not serve",
        );
      },
      onError: (error) =>
        logger.warn({ error, generation }, "Could not look for traces that lag behind; trying again"),
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

  store.opened.then(
    () => {
      if (stopped) return;
      const worker = work(waitForEngine(generations.projector.run, availability));
      const reconcilers = startGenerationReconcilers({
        generations: generations.view,
        runnable: generations.runnable,
        start: (generation, { serving }) => reconcilerOf(generation, serving),
        onError: (error) => logger.warn({ error }, "The generations cannot be read; trying again"),
      });
      const replayRunner = startReplayRunner({
        store: store.replays,
        source: store.traces,
        service: generations.projector,
        leases,
        concurrency: config.REPLAY_CONCURRENCY,
        onStarted: ({ definition, progress }) =>
          logger.info({ replay: definition.id, cursor: progress?.cursor }, "Working on a replay"),
        onEnded: (replay) =>
          logger.info({ replay: replay.definition.id, state: replayState(replay) }, "A replay ended"),
        onWaiting: (error, replay) => logger.warn({ error, replay }, "A replay waits for ClickHouse"),
        onError: (error) => logger.warn({ error }, "Could not look for replays; trying again"),
      });
      running = { worker, reconcilers, replayRunner };
    },
    // The store has logged why it cannot be opened, and /readyz says so.
    () => {},
  );

  return {
    async reconcile() {
      if (current === undefined) {
        throw new EventSourcingError(
          "STORE_UNAVAILABLE",
          "The worker waits for ClickHouse; try again later.",
        );
      }
      const { scheduled } = await current.look({ everything: true, graceMs: 0 });
      return scheduled;
    },
    replays: { replays: new Replays(store.replays), wake: () => running?.replayRunner.wake() },
    async stop() {
      stopped = true;
      // At once: a store that hangs delays them all, and a look needs no runs.
      await Promise.all([running?.reconcilers.stop(), running?.worker.close(), running?.replayRunner.stop()]);
      await generations.projector.drain();
    },
  };
}
