import {
  milliseconds,
  secondsBuckets,
  telemetryNames,
  warningListener,
  wholeNumber,
  withSpan,
} from "@es/core/adapter";
import { metrics, type ObservableResult, trace } from "@opentelemetry/api";
import type { Lease, Leases } from "../leases/leases.js";
import { withLease } from "../leases/withLease.js";
import type { ReconciledQueue } from "../queue/parkedRuns.js";
import type { LagSource } from "./lagSource.js";
import { type ScheduleLaggingResult, scheduleLagging } from "./scheduleLagging.js";

export interface ReconcilerOptions {
  readonly source: LagSource;
  /** With its dead letters: what is parked and would fail again is left alone for an hour. */
  readonly queue: ReconciledQueue;
  /** Tells it from others in telemetry, and names its lease. @default "projections" */
  readonly name?: string;
  /** Looks at an interval are taken in turns by all who share these. @default none: each looks for itself */
  readonly leases?: Pick<Leases, "acquire">;
  /** Between two looks, milliseconds; 0 looks once. @default 30 000 */
  readonly intervalMs?: number;
  /**
   * A look covers what was accepted since this long before the last one: events take a while from their stamp to the
   * store, and clocks differ. Milliseconds. @default 120 000
   */
  readonly overlapMs?: number;
  /** The first look covers everything, and so does one this often, milliseconds. @default 3 600 000 */
  readonly everythingEveryMs?: number;
  /** What lags for less is taken as being processed, but at the first look, milliseconds. @default 5 000 */
  readonly graceMs?: number;
  readonly onLook?: (look: Look) => void;
  /**
   * A look failed; the next covers what it should have. Or the lease could not be asked for; the look goes on.
   * @default a warning of the process, each once a minute
   */
  readonly onError?: (error: unknown) => void;
}

/** What one look found, and how. */
export interface Look extends ScheduleLaggingResult {
  /** Whether it covered all that is stored, or what was accepted lately. */
  readonly everything: boolean;
  readonly durationMs: number;
}

export interface LookOptions {
  /** Covers all that is stored. @default what is due: everything at first and now and then, else what is recent */
  readonly everything?: boolean;
  /** Instead of the reconciler's own, milliseconds. */
  readonly graceMs?: number;
  /** Stops it between two pages. */
  readonly signal?: AbortSignal;
}

interface Covered {
  /** When the look began, by `performance.now()`. */
  readonly since: number;
  /** How long before that what is not covered may have been accepted: it was scheduled, or left out by the grace. */
  readonly reachMs: number;
}

const tracer = trace.getTracer("@es/core");
const { attributes, metrics: metricNames, spans } = telemetryNames;

/** From the recovery of an engine to the look: others find it back a little later, and store without scheduling until then. */
const LOOK_AFTER_RECOVERY_MS = 3_000;
/** How long others leave a look after a recovery to the one who takes it. */
const RECOVERY_LEASE_MS = 2_000;
/** After a look that failed: an engine is away, and everybody waits for what it missed. Doubles up to the interval. */
const RETRY_FAILED_MS = 5_000;

/** In place of a lease that cannot be asked for. */
const unleased = (name: string): Lease => ({
  name,
  renew: async () => true,
  release: async () => undefined,
});

/**
 * Looks for what lags, and schedules it: now and then by itself, or when told.
 *
 * Each look reaches back to where the one before it began, by `overlapMs` further, and to the oldest that it found
 * lagging or left to its grace: what it scheduled and the queue then lost is found again. Time is only ever measured as it
 * passes, so a wrong system clock changes nothing here.
 *
 * With `leases`, one of all reconcilers of a name looks per interval. Leases that cannot be asked for do not keep anyone
 * from looking: a look too many costs a query, a look too few leaves something behind.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #name: string;
  readonly #intervalMs: number;
  readonly #overlapMs: number;
  readonly #everythingEveryMs: number;
  readonly #graceMs: number;
  readonly #stopping = new AbortController();
  readonly #telemetry: ReconcilerTelemetry;
  readonly #onError: (error: unknown) => void;
  #covered: Covered | undefined;
  #coveredEverythingAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #turn: Promise<void> | undefined;
  #failedInARow = 0;

  /** @throws EventSourcingError `INVALID_OPTIONS` */
  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#onError = options.onError ?? warningListener("Reconciler");
    this.#name = options.name ?? "projections";
    this.#intervalMs = milliseconds("intervalMs", options.intervalMs ?? 30_000, 0);
    this.#overlapMs = wholeNumber("overlapMs", options.overlapMs ?? 120_000, 0);
    this.#everythingEveryMs = wholeNumber("everythingEveryMs", options.everythingEveryMs ?? 3_600_000, 0);
    this.#graceMs = wholeNumber("graceMs", options.graceMs ?? 5_000, 0);
    this.#telemetry = new ReconcilerTelemetry(this.#name, 3 * this.#intervalMs);
  }

  /** Looks now, whoever else does. Rejects as the source or the queue does. */
  async look(options: LookOptions = {}): Promise<Look> {
    const { signal } = options;
    const startedAt = performance.now();
    const covered = this.#covered;
    const graceMs = wholeNumber("graceMs", options.graceMs ?? (covered === undefined ? 0 : this.#graceMs), 0);
    const everything =
      covered === undefined ||
      (options.everything ?? startedAt - this.#coveredEverythingAt >= this.#everythingEveryMs);
    try {
      const result = await withSpan(tracer, spans.reconcilerLook, {}, async (span) => {
        const found = await scheduleLagging(this.#options.source, this.#options.queue, {
          graceMs,
          ...(everything
            ? {}
            : {
                acceptedWithinMs: Math.ceil(startedAt - covered.since + covered.reachMs + this.#overlapMs),
              }),
          ...(signal === undefined ? {} : { signal }),
        });
        span.setAttributes({
          [attributes.reconciler]: this.#name,
          [attributes.everything]: everything,
          [attributes.aggregateCount]: found.lagging,
        });
        return found;
      });
      if (result.complete) {
        this.#covered = { since: startedAt, reachMs: Math.max(result.oldestLagMs, graceMs) };
        if (everything) this.#coveredEverythingAt = startedAt;
      }
      const look: Look = { ...result, everything, durationMs: performance.now() - startedAt };
      this.#telemetry.looked(look);
      this.#options.onLook?.(look);
      return look;
    } catch (error) {
      this.#telemetry.failed(performance.now() - startedAt);
      throw error;
    }
  }

  /**
   * Looks now, and again at the interval. If another of its name has looked within the interval, the first look comes in
   * 3 s, by one of all that started: a process often starts because something was mended that kept others from scheduling.
   */
  start(): this {
    if (this.#turn === undefined && !this.#stopping.signal.aborted) this.#takeTurn(() => this.lookSoon());
    return this;
  }

  /**
   * Looks in 3 s for what lags, however shortly: an engine is back, and what was stored while it was away may not be
   * scheduled. With `leases` one of all who notice it looks. Calls until then are one.
   */
  lookSoon(): void {
    if (this.#soon !== undefined || this.#stopping.signal.aborted) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      const before = this.#turn;
      this.#turn = (async () => {
        await before;
        await this.#lookWithLease("after an outage", RECOVERY_LEASE_MS, { graceMs: 0 });
      })();
    }, LOOK_AFTER_RECOVERY_MS);
  }

  /** No look starts any more; resolves when the current one ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#soon);
    this.#telemetry.close();
    await this.#turn;
  }

  #takeTurn(onLeftToAnother?: () => void): void {
    const startedAt = performance.now();
    const before = this.#turn;
    this.#turn = (async () => {
      if (before !== undefined) await before;
      const outcome = await this.#lookWithLease("", this.#intervalMs, {});
      if (outcome === "left to another") onLeftToAnother?.();
      if (this.#intervalMs === 0 || this.#stopping.signal.aborted) return;
      // Who waits for another to look asks more often, to take over soon after that one died.
      const soonest = this.#intervalMs / 3;
      let nextMs = soonest;
      if (outcome === "looked") nextMs = Math.max(startedAt + this.#intervalMs - performance.now(), soonest);
      if (outcome === "failed") nextMs = this.#retryMs();
      this.#timer = setTimeout(() => this.#takeTurn(), nextMs);
    })();
  }

  #retryMs(): number {
    return Math.min(RETRY_FAILED_MS * 2 ** (this.#failedInARow - 1), this.#intervalMs);
  }

  /** Looks, unless another of this name has the lease. Never rejects. */
  async #lookWithLease(
    occasion: string,
    leaseMs: number,
    look: LookOptions,
  ): Promise<"looked" | "failed" | "left to another"> {
    const { leases } = this.#options;
    const { signal } = this.#stopping;
    if (signal.aborted) return "failed";
    try {
      let looked = true;
      if (leases === undefined || leaseMs === 0) {
        await this.look({ ...look, signal });
      } else {
        const asked: Pick<Leases, "acquire"> = {
          acquire: async (name, durationMs) => {
            try {
              return await leases.acquire(name, durationMs);
            } catch (error) {
              this.#onError(error);
              return unleased(name);
            }
          },
        };
        const leased = await withLease(
          asked,
          ["reconcile", this.#name, occasion].filter(Boolean).join(" "),
          (lost) => this.look({ ...look, signal: lost }),
          { durationMs: leaseMs, keepForMs: leaseMs, signal },
        );
        looked = leased.held;
      }
      this.#failedInARow = 0;
      return looked ? "looked" : "left to another";
    } catch (error) {
      if (!signal.aborted) this.#onError(error);
      this.#failedInARow++;
      return "failed";
    }
  }
}

/** Starts a reconciler. */
export function startReconciler(options: ReconcilerOptions): Reconciler {
  return new Reconciler(options).start();
}

/** The figures of the last look, told for as long as it is recent: another process may be the one that looks now. */
class ReconcilerTelemetry {
  readonly #about: Readonly<Record<string, string>>;
  readonly #staleAfterMs: number;
  readonly #looks;
  readonly #scheduled;
  readonly #lagging;
  readonly #oldest;
  #last: { readonly look: Look; readonly at: number } | undefined;

  constructor(name: string, staleAfterMs: number) {
    const meter = metrics.getMeter("@es/core");
    this.#about = { [attributes.reconciler]: name };
    this.#staleAfterMs = staleAfterMs;
    this.#looks = meter.createHistogram(metricNames.reconcilerLooks, {
      unit: "s",
      description: "Looks for aggregates that lag behind their events",
      advice: { explicitBucketBoundaries: secondsBuckets },
    });
    this.#scheduled = meter.createCounter(metricNames.reconcilerScheduled, {
      unit: "{aggregate}",
      description: "Lagging aggregates the reconciler scheduled",
    });
    this.#lagging = meter.createObservableGauge(metricNames.lagging, {
      unit: "{aggregate}",
      description: "Aggregates that lagged at the last look",
    });
    this.#oldest = meter.createObservableGauge(metricNames.oldestLag, {
      unit: "s",
      description: "How long the one that lags longest did at the last look",
    });
    this.#lagging.addCallback(this.#observeLagging);
    this.#oldest.addCallback(this.#observeOldest);
  }

  looked(look: Look): void {
    this.#last = { look, at: performance.now() };
    this.#looks.record(look.durationMs / 1_000, { ...this.#about, [attributes.outcome]: "looked" });
    this.#scheduled.add(look.scheduled, this.#about);
  }

  failed(durationMs: number): void {
    this.#looks.record(durationMs / 1_000, { ...this.#about, [attributes.outcome]: "failed" });
  }

  close(): void {
    this.#lagging.removeCallback(this.#observeLagging);
    this.#oldest.removeCallback(this.#observeOldest);
  }

  readonly #observeLagging = (result: ObservableResult) => this.#observe(result, ({ lagging }) => lagging);
  readonly #observeOldest = (result: ObservableResult) =>
    this.#observe(result, ({ oldestLagMs }) => oldestLagMs / 1_000);

  #observe(result: ObservableResult, value: (look: Look) => number): void {
    if (this.#last === undefined) return;
    const { look, at } = this.#last;
    if (this.#staleAfterMs === 0 || performance.now() - at <= this.#staleAfterMs) {
      result.observe(value(look), this.#about);
    }
  }
}
