import { setMaxListeners } from "node:events";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type AggregateRef, EventSourcingError, isEventSourcingError } from "@es/core";
import { telemetryNames, warningListener, wholeNumber } from "@es/core/adapter";
import {
  type DeadLetterReason,
  defaultConcurrency,
  describeFailure,
  type ProjectionRun,
  type ProjectionWorker,
  projectionQueueDefaults,
} from "@es/processing";
import { type Context, context, ROOT_CONTEXT, SpanStatusCode, trace } from "@opentelemetry/api";
import { type Job, type Telemetry, UnrecoverableError, WaitingError, Worker } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { AbandonedJobs } from "./abandonedJobs.js";
import { DeadLetterStore, type RunLock } from "./deadLetterStore.js";
import { within } from "./deadline.js";
import { DelayedJobs } from "./delayedJobs.js";
import { placesOf } from "./jobsAhead.js";
import { defaultTelemetry, runTelemetry } from "./jobTelemetry.js";
import { type ProjectionJobData, parseQueueNames, refOf } from "./projectionJob.js";
import { asError, asQueueError, type ErrorListener, isReply, whyDown } from "./queueErrors.js";
import { connectWorker, isReady, type RedisConnection, withReason } from "./redisConnection.js";
import { RedisGate } from "./redisGate.js";
import { probeQueue } from "./redisProbe.js";
import { createSteadyBackend } from "./steadyBackend.js";
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
  /** Gets lost connections, refusals of Redis and failed bookkeeping. @default a warning of the process, each once a minute */
  readonly onError?: ErrorListener;
  /** Redis works again after it did not: what was to be scheduled meanwhile may be missing, so a reconciler should look. */
  readonly onRecovered?: () => void;
}

/** How long an aborted run may take to notice. */
const ABORT_GRACE_MS = 1_000;
/** How long Redis may take to record the last runs. */
const BOOKKEEPING_MS = 5_000;
/** A Redis that answers nothing for so long is not waited for. */
const SILENCE_MS = 1_000;

/** A run that failed, as BullMQ keeps it. Hides names and messages that mean something to BullMQ. */
class FailedRun extends Error {
  override readonly name = "FailedRun";

  constructor(failure: DeadLetterReason, cause: unknown) {
    super(`${failure.code}: ${failure.reason}`, { cause });
    if (cause instanceof Error && cause.stack !== undefined) this.stack = cause.stack;
  }
}

/**
 * Runs what a `ProjectionQueueBullMQ` of the same name schedules. It waits for Redis, at start, after a loss, and while Redis
 * refuses what it needs, and goes on by itself.
 */
export class ProjectionWorkerBullMQ implements ProjectionWorker {
  readonly #run: ProjectionRun;
  readonly #redis: Redis | Cluster;
  readonly #worker: Worker<ProjectionJobData>;
  readonly #letters: DeadLetterStore;
  readonly #turns: TurnReporter;
  readonly #delayed: DelayedJobs;
  readonly #abandoned: AbandonedJobs;
  /** Ids of the jobs whose runs are under way, the bookkeeping around them included. */
  readonly #running = new Set<string>();
  readonly #maxStalledCount: number;
  readonly #onError: ErrorListener;
  readonly #gate: RedisGate;
  readonly #abort = new AbortController();
  /** Aborts when the worker begins to close: from then on nothing waits for Redis to be well. */
  readonly #closingNow = new AbortController();
  /** Why the connection that waits for jobs is not there. */
  #waitingLost: Error | null = null;
  #lost: Error | null = null;
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
    const { queueName, prefix } = parseQueueNames(options);
    this.#run = options.run;
    this.#maxStalledCount = wholeNumber("maxStalledCount", options.maxStalledCount ?? 5, 0);
    const lockDuration = wholeNumber("lockDurationMs", options.lockDurationMs ?? 30_000, 1);
    const stalledInterval = wholeNumber("stalledIntervalMs", options.stalledIntervalMs ?? 30_000, 1);
    if (limiter !== null) {
      wholeNumber("limiter.max", limiter.max, 1);
      wholeNumber("limiter.durationMs", limiter.durationMs, 1);
    }
    const onError = options.onError ?? warningListener("ProjectionWorkerBullMQ");
    this.#onError = (error) => {
      // What a closing connection still has to say is no news.
      if (this.#closing !== null) return;
      onError(isReply(error) || isConnectionError(error) ? asQueueError(error) : error);
    };
    // As many wait on them as there are runs: more than the ten that Node.js takes for a leak.
    setMaxListeners(0, this.#abort.signal, this.#closingNow.signal);
    this.#redis = connectWorker(options.connection);
    const gate = new RedisGate({
      probe: () => probeQueue(this.#redis, prefix, queueName),
      onFailure: (error) => this.#onError(error),
      onRecovered: () => {
        void this.#abandoned.giveBack();
        options.onRecovered?.();
      },
    });
    this.#gate = gate;
    this.#redis.on("error", (error: Error) => {
      this.#lost = whyDown(this.#lost, error);
      gate.lost();
    });
    this.#redis.on("close", () => {
      this.#lost ??= new Error("the connection was closed");
      gate.lost();
    });
    this.#redis.on("ready", () => {
      this.#lost = null;
      gate.untilOpen(this.#closingNow.signal).catch(() => undefined);
    });
    this.#letters = new DeadLetterStore(this.#redis, prefix, queueName);
    const turns = new TenantTurns(this.#redis, prefix, queueName);
    this.#turns = new TurnReporter(turns, (error) => this.#onError(asError(error)));
    // BullMQ's loops live in the context they were started in. Outside of every span, or all runs would share one.
    this.#worker = context.with(
      ROOT_CONTEXT,
      () =>
        new Worker<ProjectionJobData>(
          queueName,
          async (job, token) => {
            const id = job.id ?? "";
            this.#running.add(id);
            try {
              await this.#process(job, token);
            } finally {
              this.#running.delete(id);
            }
          },
          {
            connection: this.#redis,
            prefix,
            concurrency,
            lockDuration,
            stalledInterval,
            // Counted here instead, where the dead letter can be written.
            maxStalledCount: Number.MAX_SAFE_INTEGER,
            runRetryDelay: 1_000,
            // It needs INFO, prints on the console, and a failure of it is for good.
            skipVersionCheck: true,
            ...(limiter === null ? {} : { limiter: { max: limiter.max, duration: limiter.durationMs } }),
            ...(telemetry === null ? {} : { telemetry: runTelemetry(telemetry) }),
          },
          createSteadyBackend({
            // What a limiter counts is fetched one by one.
            places: () => (limiter === null ? placesOf(this.#worker) : 1),
            gate,
            closing: this.#closingNow.signal,
            lockDurationMs: lockDuration,
            onError: (error) => this.#onError(error),
            onWaitingLost: (error) => {
              this.#waitingLost = error === null ? null : whyDown(this.#waitingLost, error);
            },
          }),
        ),
    );
    this.#worker.on("error", (error) => this.#onError(error));
    this.#abandoned = new AbandonedJobs({
      redis: this.#redis,
      keyPrefix: `${prefix}:${queueName}:`,
      lockPrefix: () => `${this.#worker.id}:`,
      isRunning: (jobId) => this.#running.has(jobId),
      giveBack: (jobId, lock) => this.#worker.getBackend().moveJobFromActiveToWait(jobId, lock),
      closing: this.#closingNow.signal,
      onError: (error) => this.#onError(asError(error)),
    });
    this.#delayed = new DelayedJobs({
      redis: this.#redis,
      queue: this.#worker,
      prefix,
      queueName,
      gate,
      onError: (error) => this.#onError(asError(error)),
    });
  }

  /**
   * Resolves if the worker can take runs: its connections are there, and Redis lets it do all it needs.
   *
   * @throws EventSourcingError `QUEUE_UNAVAILABLE` or `QUEUE_REJECTED` with the state Redis is in
   */
  async check(): Promise<void> {
    const error = this.#gate.failure ?? this.#lost ?? this.#waitingLost;
    if (error !== null) throw await withReason(this.#redis, asQueueError(error));
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
    this.#closingNow.abort(new EventSourcingError("CLOSED", "The worker is closed."));
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
      const over = new AbortController();
      const ended = Promise.race([closed, begun, this.#silence(over.signal)]);
      const done = await within(patience, ended, () => true);
      over.abort();
      if (done) return true;
    } while (performance.now() < deadline);
    return false;
  }

  /** Resolves with true once Redis has not answered for a while: nothing more is recorded then. */
  async #silence(over: AbortSignal): Promise<true> {
    while (!over.aborted) {
      const answered = await within(
        SILENCE_MS,
        this.#redis.echo("").then(() => true, isReply),
        () => false,
      );
      if (!answered) return true;
      await sleep(SILENCE_MS / 4, undefined, { signal: over }).catch(() => undefined);
    }
    return true;
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
      if (this.#abort.signal.aborted || this.#isGivenUp(error)) await this.#giveBack(job, token);
      await this.#fail(job, ref, lock, attempt, error);
    }
    await this.#letters.heal(ref, lock);
  }

  /** The run itself gave up because the worker closes. */
  #isGivenUp(error: unknown): boolean {
    return this.#closing !== null && isEventSourcingError(error, "ABORTED");
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

/** A failure to reach Redis, by its shape: errors of runs and of BullMQ have no such codes. */
function isConnectionError(error: Error): boolean {
  return (
    "syscall" in error || /^(Connection is closed|Protocol error|connect E)|SSL routines/.test(error.message)
  );
}

/** bullmq-otel leaves the span of a failed run unset. */
function markFailed(error: Error): void {
  const span = trace.getActiveSpan();
  span?.recordException(error);
  span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
}
