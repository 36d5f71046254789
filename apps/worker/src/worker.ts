import { setTimeout as sleep } from "node:timers/promises";
import type { Logger, RunningApp } from "@es/host";
import type { ReconcileNow, ReplayOperations } from "@es/operations";
import {
  EngineProbe,
  type Leases,
  type ReplayRunner,
  Replays,
  replayState,
  startReplayRunner,
} from "@es/processing";
import type { TraceStore } from "@es/trace-wiring";
import type { WorkerConfig } from "./config.js";
import { type KeptUp, keepProjections, notYet, type WorkedQueue } from "./keepProjections.js";

export interface WorkerDependencies extends WorkedQueue {
  readonly store: Pick<TraceStore, "generations" | "traces" | "replays" | "opened" | "isReady">;
  /** The queue of sessions. Without it this worker leaves them to others. */
  readonly sessions?: WorkedQueue;
  /** Lets one of all workers look for what lags, and one work on a replay. */
  readonly leases: Pick<Leases, "acquire">;
  readonly logger: Logger;
}

export interface RunningWorker extends RunningApp {
  /** Schedules everything that lags behind its spans, now. @throws EventSourcingError `STORE_UNAVAILABLE` before the schema is there */
  readonly reconcile: ReconcileNow;
  /** The same for sessions that lag behind their traces; nothing without their queue. */
  readonly reconcileSessions: ReconcileNow;
  readonly replays: ReplayOperations;
  /** Look soon for traces, or sessions, that lag: their queue works again after it did not. */
  readonly lookSoon: { readonly traces: () => void; readonly sessions: () => void };
}

/** Rebuilds what is scheduled, and schedules what lags behind. Waits for the schema, then works until it is stopped. */
export function startWorker(config: WorkerConfig, dependencies: WorkerDependencies): RunningWorker {
  const { store, queue, work, sessions, leases, logger } = dependencies;
  const { generations } = store;
  const availability = new EngineProbe({
    probe: store.isReady,
    onAway: (error) => logger.warn({ error }, "ClickHouse is away; rebuilds wait for it"),
    onBack: () => {
      logger.info("ClickHouse is back; rebuilds go on");
      running?.traces.lookSoon();
      running?.sessions?.lookSoon();
    },
  });
  let stopped = false;
  let running:
    | { readonly traces: KeptUp; readonly sessions: KeptUp | undefined; readonly replayRunner: ReplayRunner }
    | undefined;

  store.opened.then(
    () => {
      if (stopped) return;
      const shared = { availability, leases, logger };
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
      running = {
        traces: keepProjections(config, { ...shared, kind: "traces", projections: generations, queue, work }),
        sessions:
          sessions === undefined
            ? undefined
            : keepProjections(config, {
                ...shared,
                ...sessions,
                kind: "sessions",
                projections: generations.sessions,
              }),
        replayRunner,
      };
    },
    // The store has logged why it cannot be opened, and /readyz says so.
    () => {},
  );

  return {
    async reconcile() {
      if (running === undefined) throw notYet();
      return running.traces.reconcile();
    },
    async reconcileSessions() {
      if (running === undefined) throw notYet();
      return running.sessions === undefined ? 0 : running.sessions.reconcile();
    },
    replays: { replays: new Replays(store.replays), wake: () => running?.replayRunner.wake() },
    lookSoon: {
      traces: () => running?.traces.lookSoon(),
      sessions: () => running?.sessions?.lookSoon(),
    },
    async stop() {
      stopped = true;
      const isAnswered = await endsWithin(ANSWER_MS, store.isReady());
      const close = async (drain: { readonly drainTimeoutMs?: number }) => {
        await Promise.all([running?.traces.stop(drain), running?.replayRunner.stop()]);
        // Last: traces that were rebuilt to the end schedule them.
        await running?.sessions?.stop(drain);
      };
      if (isAnswered) return close({});
      // Runs and looks would wait for requests to ClickHouse until they time out: what is under way goes back to the queue.
      await endsWithin(GIVEN_BACK_MS, close({ drainTimeoutMs: 0 }));
    },
  };
}

/** Longer than the checks themselves take. */
const ANSWER_MS = 4_000;
/** Longer than workers take to abort their runs, one after the other. */
const GIVEN_BACK_MS = 4_000;

/** Whether the work ends well in time. Never rejects. */
async function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const ended = work.then(
    () => true,
    () => false,
  );
  const inTime = await Promise.race([ended, sleep(ms, false, { signal: over.signal }).catch(() => false)]);
  over.abort();
  return inTime;
}
