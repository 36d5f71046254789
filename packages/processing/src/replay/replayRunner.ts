import type { AggregateRef, AggregateSource, Event, EventSourcingService } from "@es/core";
import { classifyError, isEventSourcingError } from "@es/core";
import { milliseconds, telemetryNames, warningListener, wholeNumber } from "@es/core/adapter";
import { metrics } from "@opentelemetry/api";
import { describeFailure } from "../deadLetters/deadLetterReason.js";
import type { Leases } from "../leases/leases.js";
import { withLease } from "../leases/withLease.js";
import { Pace } from "../pace/pace.js";
import { rest } from "../pace/rest.js";
import { type PageOutcome, rebuildPage } from "./rebuildPage.js";
import { isReplayOpen, MAX_REPLAY_FAILURES, type Replay, type ReplayProgress } from "./replay.js";
import type { ReplayStore } from "./replayStore.js";

export interface ReplayRunnerOptions<TAggregateId extends string, TEvent extends Event, TProjection> {
  readonly store: ReplayStore<TAggregateId>;
  readonly source: AggregateSource<TAggregateId>;
  readonly service: Pick<
    EventSourcingService<TAggregateId, TEvent, TProjection>,
    "rebuildProjection" | "forceRebuildProjection"
  >;
  /** Shared by all runners, so that one works on a replay at a time. */
  readonly leases: Pick<Leases, "acquire">;
  /** Between two looks for replays nobody works on, milliseconds. @default 5 000 */
  readonly intervalMs?: number;
  /** Aggregates rebuilt at once; it and the rate are what live traffic has to share with. @default 32 */
  readonly concurrency?: number;
  /** Most aggregates between two reports of the progress; at a rate below it, a second's worth. @default 500 */
  readonly pageSize?: number;
  /** How long others wait for a runner that died, milliseconds. @default 30 000 */
  readonly leaseMs?: number;
  /** Before the second try of what failed for a transient reason, milliseconds; doubles up to 10 s. @default 500 */
  readonly retryDelayMs?: number;
  readonly onStarted?: (replay: Replay<TAggregateId>) => void;
  /** Nothing is left to do of it: it is done, paused, cancelled or failed. */
  readonly onEnded?: (replay: Replay<TAggregateId>) => void;
  /**
   * The store does not answer, or is overloaded; it goes on when that is over.
   * @default a warning of the process, each once a minute
   */
  readonly onWaiting?: (error: unknown, replayId: string) => void;
  /**
   * Replays could not be looked for, or one not be taken up; the next look tries again.
   * @default a warning of the process, each once a minute
   */
  readonly onError?: (error: unknown) => void;
}

export interface ReplayRunner {
  /** Looks now instead of at the next interval. */
  wake(): void;
  /** Stops within what is under way, and leaves the rest to whoever comes next. Resolves when nothing is under way. */
  stop(): Promise<void>;
}

const MAX_DELAY_MS = 10_000;

/**
 * Works on replays, one at a time, until it is stopped: takes up those nobody works on, new ones and those whose runner
 * died, and goes on where they were. All it writes are projections and its progress.
 */
export function startReplayRunner<TAggregateId extends string, TEvent extends Event, TProjection>(
  options: ReplayRunnerOptions<TAggregateId, TEvent, TProjection>,
): ReplayRunner {
  const runner = new Runner(options);
  return { wake: () => runner.wake(), stop: () => runner.stop() };
}

class Runner<TAggregateId extends string, TEvent extends Event, TProjection> {
  readonly #options: ReplayRunnerOptions<TAggregateId, TEvent, TProjection>;
  readonly #intervalMs: number;
  readonly #concurrency: number;
  readonly #pageSize: number;
  readonly #leaseMs: number;
  readonly #retryDelayMs: number;
  readonly #aggregates = metrics.getMeter("@es/core").createCounter(telemetryNames.metrics.replayed, {
    unit: "{aggregate}",
    description: "Aggregates replayed, by outcome",
  });
  readonly #stopping = new AbortController();
  readonly #warn = warningListener("startReplayRunner");
  /** Aborted to end the wait between two looks. */
  #waking = new AbortController();
  readonly #ended: Promise<void>;

  constructor(options: ReplayRunnerOptions<TAggregateId, TEvent, TProjection>) {
    this.#options = options;
    this.#intervalMs = milliseconds("intervalMs", options.intervalMs ?? 5_000, 1);
    this.#concurrency = wholeNumber("concurrency", options.concurrency ?? 32, 1);
    this.#pageSize = wholeNumber("pageSize", options.pageSize ?? 500, 1);
    this.#leaseMs = milliseconds("leaseMs", options.leaseMs ?? 30_000, 1);
    this.#retryDelayMs = milliseconds("retryDelayMs", options.retryDelayMs ?? 500, 1);
    this.#ended = this.#work();
  }

  wake(): void {
    this.#waking.abort();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await this.#ended;
  }

  async #work(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // Before the look, so that a wake during it is not lost.
      this.#waking = new AbortController();
      await this.#look();
      if (!this.#stopping.signal.aborted) await rest(this.#intervalMs, this.#waking.signal);
    }
  }

  async #look(): Promise<void> {
    const { store, leases, onError = this.#warn } = this.#options;
    try {
      for (const id of await store.listOpenReplayIds()) {
        if (this.#stopping.signal.aborted) return;
        await withLease(leases, `replay:${id}`, (signal) => this.#replay(id, signal), {
          durationMs: this.#leaseMs,
          signal: this.#stopping.signal,
        }).catch((error: unknown) => {
          // One that cannot be taken up does not keep the others waiting.
          if (!this.#stopping.signal.aborted) onError(error);
        });
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) onError(error);
    }
  }

  /** Works on it until it is done, or somebody wants otherwise, or the signal aborts. */
  async #replay(id: string, signal: AbortSignal): Promise<void> {
    const { store, onStarted, onEnded } = this.#options;
    let replay = await this.#patiently(id, signal, () => store.getReplay(id));
    if (replay === undefined || replay === null || !isReplayOpen(replay)) return;
    onStarted?.(replay);
    let activeSince = performance.now();
    const report = async (change: Partial<ReplayProgress>): Promise<void> => {
      const current = replay as Replay<TAggregateId>;
      const progress = current.progress ?? newProgress();
      const now = performance.now();
      const next: ReplayProgress = {
        ...progress,
        stop: null,
        ...change,
        revision: progress.revision + 1,
        updatedAt: Date.now(),
        activeMs: progress.activeMs + Math.round(now - activeSince),
      };
      activeSince = now;
      await this.#patiently(id, signal, () => store.storeProgress(id, next));
      replay = { ...current, progress: next };
    };

    try {
      if (replay.progress === null) {
        const total = await this.#count(replay, signal);
        if (total === undefined) return;
        await report({ total });
      }
      let pace = paceOf(replay);
      while (!signal.aborted) {
        const page = await this.#page(replay, pace, signal);
        if (page === undefined) return;
        await report(page);
        const latest = await this.#patiently(id, signal, () => store.getReplay(id));
        if (latest === undefined || latest === null) return;
        if (latest.control.ratePerSecond !== replay.control.ratePerSecond) pace = paceOf(latest);
        // Ours, for nobody else writes it while the lease is ours.
        replay = { ...latest, progress: replay.progress };
        if (!isReplayOpen(replay)) break;
      }
    } catch (error) {
      if (signal.aborted || isEventSourcingError(error, "CLOSED")) return;
      const { code, reason } = describeFailure(error);
      await report({ stop: { code, reason, controlRevision: replay.control.revision } });
    }
    if (!signal.aborted) onEnded?.(replay);
  }

  /** What the progress is after the next page; `undefined` if the signal aborted meanwhile. */
  async #page(
    replay: Replay<TAggregateId>,
    pace: Pace | null,
    signal: AbortSignal,
  ): Promise<Partial<ReplayProgress> | undefined> {
    const { source, onWaiting = this.#warn } = this.#options;
    const { definition, control, progress } = replay;
    const { ratePerSecond } = control;
    const limit =
      ratePerSecond === null ? this.#pageSize : Math.min(this.#pageSize, Math.ceil(ratePerSecond));
    const cursor = progress?.cursor ?? null;
    const page = await this.#patiently(definition.id, signal, () =>
      source.listAggregates(definition.selection, { limit, ...(cursor === null ? {} : { cursor }) }),
    );
    if (page === undefined) return undefined;
    const outcome = await rebuildPage(page.items, {
      rebuild: (ref) => this.#rebuild(ref as AggregateRef<TAggregateId>, definition.force),
      probe: () => source.listAggregates(definition.selection, { limit: 1 }),
      concurrency: this.#concurrency,
      pace,
      signal,
      retryDelayMs: this.#retryDelayMs,
      maxDelayMs: MAX_DELAY_MS,
      onWaiting: (error) => onWaiting(error, definition.id),
    });
    if (outcome === null) return undefined;
    this.#measure(outcome);
    const { rebuilt = 0, empty = 0, failed = 0, failures = [] } = progress ?? {};
    return {
      cursor: page.nextCursor ?? cursor,
      rebuilt: rebuilt + outcome.rebuilt,
      empty: empty + outcome.empty,
      failed: failed + outcome.failures.length,
      failures: [...failures, ...outcome.failures].slice(0, MAX_REPLAY_FAILURES),
      ...(page.nextCursor === null ? { finishedAt: Date.now() } : {}),
    };
  }

  async #rebuild(ref: AggregateRef<TAggregateId>, force: boolean): Promise<"rebuilt" | "no-events"> {
    const { service } = this.#options;
    const { tenantId, aggregateId } = ref;
    const contexts = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
    const result = force
      ? await service.forceRebuildProjection(aggregateId, contexts)
      : await service.rebuildProjection(aggregateId, contexts);
    return result.outcome;
  }

  /** Once, at the start. A store that cannot tell, because there are too many, does not stop the replay. */
  #count(replay: Replay<TAggregateId>, signal: AbortSignal): Promise<number | null | undefined> {
    const { id, selection } = replay.definition;
    return this.#patiently(id, signal, async () => {
      try {
        return await this.#options.source.countAggregates(selection);
      } catch (error) {
        if (isEventSourcingError(error, "STORE_OVERLOADED")) return null;
        throw error;
      }
    });
  }

  /** Tries, and again while the reason to fail is transient; `undefined` once the signal aborts. */
  async #patiently<T>(
    id: string,
    signal: AbortSignal,
    call: () => Promise<T>,
  ): Promise<Awaited<T> | undefined> {
    for (let delayMs = this.#retryDelayMs; ; delayMs = Math.min(2 * delayMs, MAX_DELAY_MS)) {
      try {
        return await call();
      } catch (error) {
        if (classifyError(error) !== "transient") throw error;
        if (signal.aborted) return undefined;
        (this.#options.onWaiting ?? this.#warn)(error, id);
        await rest(delayMs, signal);
        if (signal.aborted) return undefined;
      }
    }
  }

  #measure({ rebuilt, empty, failures }: PageOutcome): void {
    const { outcome } = telemetryNames.attributes;
    if (rebuilt > 0) this.#aggregates.add(rebuilt, { [outcome]: "rebuilt" });
    if (empty > 0) this.#aggregates.add(empty, { [outcome]: "no-events" });
    if (failures.length > 0) this.#aggregates.add(failures.length, { [outcome]: "failed" });
  }
}

function newProgress(): ReplayProgress {
  const now = Date.now();
  return {
    revision: 0,
    cursor: null,
    total: null,
    rebuilt: 0,
    empty: 0,
    failed: 0,
    failures: [],
    startedAt: now,
    updatedAt: now,
    activeMs: 0,
    finishedAt: null,
    stop: null,
  };
}

function paceOf({ control }: Replay): Pace | null {
  return control.ratePerSecond === null ? null : new Pace(control.ratePerSecond);
}
