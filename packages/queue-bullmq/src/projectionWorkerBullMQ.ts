import { availableParallelism } from "node:os";
import {
  type AggregateRef,
  type DeadLetterReason,
  defaultConcurrency,
  describeFailure,
  EventSourcingError,
  type ProjectionRun,
  type ProjectionWorker,
  projectionQueueDefaults,
  telemetryNames,
  wholeNumber,
} from "@es/core";
import { type Context, context, ROOT_CONTEXT, SpanStatusCode, trace } from "@opentelemetry/api";
import { type Job, type Telemetry, UnrecoverableError, WaitingError, Worker } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { DeadLetterStore, type RunLock } from "./deadLetterStore.js";
import { within } from "./deadline.js";
import { DelayedJobs } from "./delayedJobs.js";
import { createFetchingBackend, placesOf } from "./jobsAhead.js";
import { defaultTelemetry, runTelemetry } from "./jobTelemetry.js";
import { defaultPrefix, defaultQueueName, type ProjectionJobData, refOf } from "./projectionJob.js";
import { asError, type ErrorListener } from "./queueErrors.js";
import { connectWorker, isReady, type RedisConnection } from "./redisConnection.js";
import { TenantTurns, TurnReporter } from "./tenantTurns.js";

export interface ProjectionWorkerBullMQOptions {
  readonly connection: RedisConnection;
  readonly run: ProjectionRun;
  /** That of the queue. @default "projections" */
  readonly queueName?: string;
  /** That of the queue. @default "{es}" */
  readonly prefix?: string;
  /** Runs active at once. @default three quarters of the cores, at least 1 */
  readonly concurrency?: number;
  /**
   * Runs started per `durationMs`, over all workers of the queue; `null` for no limit. Give all workers the same: each
   * holds the common count against its own maximum. @default 10 per 1000 ms
   */
  readonly limiter?: { readonly max: number; readonly durationMs: number } | null;
  /** How long a worker that died, or whose event loop is stuck, keeps a run to itself. Renewed while alive. @default 30_000 */
  readonly lockDurationMs?: number;
  /** How often runs of dead workers are looked for. @default 30_000 */
  readonly stalledIntervalMs?: number;
  /** Workers a run may take down with it before it is parked as poison. @default 5 */
  readonly maxStalledCount?: number;
  /** `null` turns tracing and metrics of BullMQ off. @default bullmq-otel with metrics */
  readonly telemetry?: Telemetry<Context> | null;
  /** Told of lost connections and failed bookkeeping. @default nobody */
  readonly onError?: ErrorListener;
}

/** How long an aborted run may take to notice. */
const ABORT_GRACE_MS = 1_000;
/** How long Redis may take to be told of the last runs. */
const BOOKKEEPING_MS = 5_000;

/** A run that failed, as BullMQ keeps it. Hides names and messages that mean something to BullMQ. */
class FailedRun extends Error {
  override readonly name = "FailedRun";

  constructor(failure: DeadLetterReason, cause: unknown) {
    super(`${failure.code}: ${failure.reason}`, { cause });
    if (cause instanceof Error && cause.stack !== undefined) this.stack = cause.stack;
  }
}

/** Runs what a `ProjectionQueueBullMQ` of the same name schedules. It waits for Redis, at start and after a loss. */
export class ProjectionWorkerBullMQ implements ProjectionWorker {
  readonly #run: ProjectionRun;
  readonly #redis: Redis | Cluster;
  readonly #worker: Worker<ProjectionJobData>;
  readonly #letters: DeadLetterStore;
  readonly #turns: TurnReporter;
  readonly #delayed: DelayedJobs;
  readonly #maxStalledCount: number;
  readonly #onError: ErrorListener;
  readonly #abort = new AbortController();
  /** Runs only, without the bookkeeping around them: that one may wait for a Redis that is down. */
  readonly #active = new Set<Promise<void>>();
  #onBegin: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: ProjectionWorkerBullMQOptions) {
    const concurrency = wholeNumber(
      "concurrency",
      options.concurrency ?? defaultConcurrency(availableParallelism()),
      1,
    );
    const limiter = options.limiter === undefined ? projectionQueueDefaults.limiter : options.limiter;
    const telemetry = options.telemetry === undefined ? defaultTelemetry() : options.telemetry;
    const queueName = options.queueName ?? defaultQueueName;
    const prefix = options.prefix ?? defaultPrefix;
    this.#run = options.run;
    this.#maxStalledCount = wholeNumber("maxStalledCount", options.maxStalledCount ?? 5, 0);
    const lockDuration = wholeNumber("lockDurationMs", options.lockDurationMs ?? 30_000, 1);
    const stalledInterval = wholeNumber("stalledIntervalMs", options.stalledIntervalMs ?? 30_000, 1);
    if (limiter !== null) {
      wholeNumber("limiter.max", limiter.max, 1);
      wholeNumber("limiter.durationMs", limiter.durationMs, 1);
    }
    this.#onError = (error) => {
      // What a closing connection still has to say is no news.
      if (this.#closing === null) options.onError?.(error);
    };
    this.#redis = connectWorker(options.connection);
    this.#redis.on("error", () => undefined);
    this.#letters = new DeadLetterStore(this.#redis, prefix, queueName);
    const turns = new TenantTurns(this.#redis, prefix, queueName);
    this.#turns = new TurnReporter(turns, (error) => this.#onError(asError(error)));
    // BullMQ's loops live in the context they were started in. Outside of every span, or all runs would share one.
    this.#worker = context.with(
      ROOT_CONTEXT,
      () =>
        new Worker<ProjectionJobData>(
          queueName,
          (job, token) => this.#process(job, token),
          {
            connection: this.#redis,
            prefix,
            concurrency,
            lockDuration,
            stalledInterval,
            // Counted here instead, where the dead letter can be written.
            maxStalledCount: Number.MAX_SAFE_INTEGER,
            runRetryDelay: 1_000,
            ...(limiter === null ? {} : { limiter: { max: limiter.max, duration: limiter.durationMs } }),
            ...(telemetry === null ? {} : { telemetry: runTelemetry(telemetry) }),
          },
          // What a limiter counts is fetched one by one.
          createFetchingBackend(() => (limiter === null ? placesOf(this.#worker) : 1)),
        ),
    );
    this.#worker.on("error", (error) => this.#onError(error));
    this.#delayed = new DelayedJobs({
      redis: this.#redis,
      queue: this.#worker,
      prefix,
      queueName,
      onError: (error) => this.#onError(asError(error)),
    });
  }

  close(options: { readonly drainTimeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.drainTimeoutMs ?? 30_000);
    return this.#closing;
  }

  async #close(drainTimeoutMs: number): Promise<void> {
    this.#delayed.stop();
    const closed = this.#worker.close().then(
      () => true,
      () => true,
    );
    const drained = await this.#drain(closed, drainTimeoutMs);
    if (!drained) {
      this.#abort.abort(new EventSourcingError("ABORTED", "The worker closed before this run ended."));
      await this.#drain(closed, ABORT_GRACE_MS);
    }
    // A run that ignores its signal, or a Redis that is down, must not hold up the process. Without a connection locks
    // are no longer renewed, and another worker starts the run again.
    if (!(await within(0, closed, () => false))) {
      await within(ABORT_GRACE_MS, this.#worker.disconnect(), () => undefined).catch(() => undefined);
    }
    this.#turns.close();
    this.#redis.disconnect();
  }

  /** Waits for the active runs, those fetched just before the close included. False if some are left in the end. */
  async #drain(closed: Promise<boolean>, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    do {
      const idle = Promise.allSettled(this.#active);
      await within(Math.max(0, deadline - performance.now()), Promise.race([closed, idle]), () => null);
      if (this.#active.size > 0) continue;
      const patience = isReady(this.#redis) ? BOOKKEEPING_MS : 0;
      const begun = this.#begun();
      if (await within(patience, Promise.race([closed, begun]), () => true)) return true;
    } while (performance.now() < deadline);
    return false;
  }

  /** Resolves with false once a further run begins. */
  #begun(): Promise<false> {
    return new Promise((resolve) => {
      this.#onBegin = () => resolve(false);
    });
  }

  async #track(ref: AggregateRef, attempt: number): Promise<void> {
    const running = (async () => this.#run(ref, { attempt, signal: this.#abort.signal }))();
    this.#active.add(running);
    this.#onBegin?.();
    try {
      await running;
    } finally {
      this.#active.delete(running);
    }
  }

  async #process(job: Job<ProjectionJobData>, token = ""): Promise<void> {
    const lock: RunLock = { jobId: job.id ?? "", token };
    this.#turns.started(Number(job.priority));
    const ref = refOf(job.data);
    const attempt = job.attemptsMade + 1;
    const { attributes } = telemetryNames;
    trace.getActiveSpan()?.setAttributes({
      [attributes.tenantId]: ref.tenantId,
      [attributes.aggregateId]: ref.aggregateId,
      [attributes.attempt]: attempt,
    });
    if (job.stalledCounter > this.#maxStalledCount) {
      await this.#parkStalled(job, ref, lock);
    }
    try {
      await this.#track(ref, attempt);
    } catch (error) {
      if (this.#abort.signal.aborted) await this.#giveBack(job, token);
      await this.#fail(job, ref, lock, attempt, error);
    }
    await this.#letters.heal(ref, lock);
  }

  /** The worker closes under the run: it goes back as if it had not been tried. */
  async #giveBack(job: Job<ProjectionJobData>, token: string): Promise<never> {
    await job.moveToWait(token);
    throw new WaitingError();
  }

  async #fail(
    job: Job<ProjectionJobData>,
    ref: AggregateRef,
    lock: RunLock,
    attempt: number,
    error: unknown,
  ): Promise<never> {
    const failure = describeFailure(error);
    markFailed(asError(error));
    const now = Date.now();
    const firstFailedAt = job.data.firstFailedAt ?? now;
    const permanent = failure.errorClass === "permanent";
    if (permanent || attempt >= (job.opts.attempts ?? 1)) {
      // Before BullMQ is told: a crash in between runs the job once more, and parks it once more.
      await this.#letters.park(ref, lock, failure, { attempts: attempt, firstFailedAt, lastFailedAt: now });
    } else if (job.data.firstFailedAt === undefined) {
      await job
        .updateData({ ...job.data, firstFailedAt })
        .catch((cause: unknown) => this.#onError(asError(cause)));
    }
    throw permanent
      ? new UnrecoverableError(`${failure.code}: ${failure.reason}`)
      : new FailedRun(failure, error);
  }

  async #parkStalled(job: Job<ProjectionJobData>, ref: AggregateRef, lock: RunLock): Promise<never> {
    const now = Date.now();
    const failure: DeadLetterReason = {
      errorClass: "poison",
      code: "STALLED",
      reason: `${job.stalledCounter} workers died or hung while they ran it.`,
      eventCount: null,
    };
    const error = new UnrecoverableError(`${failure.code}: ${failure.reason}`);
    markFailed(error);
    await this.#letters.park(ref, lock, failure, {
      attempts: job.attemptsStarted,
      firstFailedAt: job.data.firstFailedAt ?? now,
      lastFailedAt: now,
    });
    throw error;
  }
}

/** bullmq-otel leaves the span of a failed run unset. */
function markFailed(error: Error): void {
  const span = trace.getActiveSpan();
  span?.recordException(error);
  span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
}
