import { randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type AggregateRef, EventSourcingError } from "@es/core";
import { warningListener, wholeNumber } from "@es/core/adapter";
import {
  assertSchedulable,
  type DeadLetters,
  type ProjectionQueue,
  projectionQueueDefaults,
  type QueueCounts,
  type ScheduleOptions,
  SchedulingTelemetry,
} from "@es/processing";
import type { Context } from "@opentelemetry/api";
import { type BulkJobOptions, type KeepJobs, Queue, type Telemetry } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { DeadLetterStore } from "./deadLetterStore.js";
import { DeadLettersBullMQ } from "./deadLettersBullMQ.js";
import { Patience, within } from "./deadline.js";
import { createGatheringBackend } from "./gatheredScripts.js";
import { defaultTelemetry } from "./jobTelemetry.js";
import { deduplicationId, jobName, type ProjectionJobData, parseQueueNames } from "./projectionJob.js";
import { asError, asQueueError, type ErrorListener, unavailable, whyDown } from "./queueErrors.js";
import { connectProducer, isReady, type RedisConnection, withReason } from "./redisConnection.js";
import { RedisGate } from "./redisGate.js";
import { adviceFor, probeQueue } from "./redisProbe.js";
import { Slots } from "./slots.js";
import { TenantTurns } from "./tenantTurns.js";

export interface ProjectionQueueBullMQOptions {
  readonly connection: RedisConnection;
  /** @default "projections" */
  readonly queueName?: string;
  /** Of every key. Keep a hash tag in it for Redis Cluster. @default "{es}" */
  readonly prefix?: string;
  /** Tries in all, the first included. @default 3 */
  readonly attempts?: number;
  /** Milliseconds before the second try; doubles with each further one. @default 2000 */
  readonly backoffMs?: number;
  /** Quiet window: milliseconds from the first schedule call to the run that serves it. @default 200 */
  readonly delayMs?: number;
  /** How long a call waits while Redis answers nothing at all, milliseconds. @default 2000 */
  readonly timeoutMs?: number;
  /** Commands in flight at once; more wait in line. @default 100 */
  readonly maxInFlight?: number;
  /**
   * Whether tenants take turns: the runs of one with a backlog do not delay another's. It costs a command per schedule
   * call. `null`: first come, first served. @default "tenants"
   */
  readonly fairness?: "tenants" | null;
  /** Finished BullMQ jobs to keep, for dashboards. @default true: none */
  readonly removeOnComplete?: boolean | number | KeepJobs;
  /** Failed BullMQ jobs to keep, for dashboards; dead letters don't depend on them. @default { count: 1000 } */
  readonly removeOnFail?: boolean | number | KeepJobs;
  /** `null` turns tracing and metrics of BullMQ off. @default bullmq-otel with metrics */
  readonly telemetry?: Telemetry<Context> | null;
  /** Gets lost connections. @default a warning of the process, each once a minute */
  readonly onError?: ErrorListener;
  /**
   * Redis takes calls again after it refused or did not answer some: what they scheduled may be missing. With it the queue
   * asks by itself until Redis does.
   */
  readonly onRecovered?: () => void;
}

const MAX_DELAY_MS = 2 ** 40;
/** Jobs that are sent at once: what is sent next, by other calls too, waits for them in Redis. */
const MAX_BULK = 50;

/** Refs that are scheduled together at the end of this turn of the event loop. */
interface Gathering {
  /** Of which the jobs' telemetry is. */
  readonly scope: unknown;
  readonly delayMs: number;
  readonly refs: AggregateRef[];
  readonly added: Promise<void>;
}

interface ProjectionJob {
  readonly name: string;
  readonly data: ProjectionJobData;
  readonly opts: BulkJobOptions;
}

/**
 * The `ProjectionQueue` port on BullMQ: schedules, counts, and looks after dead letters. Runs are done by
 * `ProjectionWorkerBullMQ`, in this or another process.
 *
 * While Redis is down its calls reject with `QUEUE_UNAVAILABLE` at once, or after `timeoutMs` where Redis just does not
 * answer; once it is back they work again.
 */
export class ProjectionQueueBullMQ implements ProjectionQueue {
  readonly deadLetters: DeadLetters;
  readonly #options: ProjectionQueueBullMQOptions;
  readonly #redis: Redis | Cluster;
  readonly #letters: DeadLetterStore;
  readonly #names: { readonly queueName: string; readonly prefix: string };
  readonly #onError: ErrorListener;
  /** Nothing is added in a state of Redis in which it might be added by half. */
  readonly #gate: RedisGate;
  /** `null`: first come, first served. */
  readonly #turns: TenantTurns | null;
  readonly #timeoutMs: number;
  readonly #patience: Patience;
  readonly #delayMs: number;
  readonly #maxInFlight: number;
  readonly #slots: Slots;
  readonly #attempts: number;
  readonly #backoffMs: number;
  readonly #telemetry: Telemetry<Context> | null;
  readonly #scheduling = new SchedulingTelemetry("@es/queue-bullmq");
  readonly #inFlight = new Set<Promise<unknown>>();
  /** One for each context and delay. */
  readonly #gatherings: Gathering[] = [];
  #queue: Promise<Queue<ProjectionJobData>> | null = null;
  #readying: Promise<void> | null = null;
  /** Why Redis is down, as far as we know it is. */
  #down: Error | null = null;
  #closing: Promise<void> | null = null;
  readonly #closingNow = new AbortController();
  #watching = false;

  constructor(options: ProjectionQueueBullMQOptions) {
    const { attempts, backoffMs } = projectionQueueDefaults;
    this.#options = options;
    this.#names = parseQueueNames(options);
    this.#onError = options.onError ?? warningListener("ProjectionQueueBullMQ");
    this.#attempts = wholeNumber("attempts", options.attempts ?? attempts, 1);
    this.#backoffMs = wholeNumber("backoffMs", options.backoffMs ?? backoffMs, 0);
    this.#delayMs = wholeNumber("delayMs", options.delayMs ?? 200, 0);
    this.#timeoutMs = wholeNumber("timeoutMs", options.timeoutMs ?? 2_000, 1);
    this.#patience = new Patience(this.#timeoutMs);
    this.#maxInFlight = wholeNumber("maxInFlight", options.maxInFlight ?? 100, 1);
    this.#slots = new Slots(this.#maxInFlight);
    this.#telemetry = options.telemetry === undefined ? defaultTelemetry() : options.telemetry;
    this.#redis = connectProducer(options.connection);
    this.#redis.on("ready", () => {
      this.#down = null;
    });
    this.#redis.on("error", (error: Error) => {
      this.#down = whyDown(this.#down, error);
      this.#lost();
      this.#report(asQueueError(error));
    });
    this.#redis.on("close", () => this.#lost());
    const { prefix, queueName } = this.#names;
    this.#gate = new RedisGate({
      probe: () => probeQueue(this.#redis, prefix, queueName),
      onFailure: () => this.#watch(),
      onRecovered: () => options.onRecovered?.(),
    });
    this.#letters = new DeadLetterStore(this.#redis, prefix, queueName);
    this.#turns = options.fairness === null ? null : new TenantTurns(this.#redis, prefix, queueName);
    this.deadLetters = new DeadLettersBullMQ(this.#letters, {
      call: async (work) => {
        this.#assertOpen();
        return this.#call(work);
      },
      schedule: async (refs) => {
        this.#assertOpen();
        return this.#addAll(refs, 0);
      },
    });
  }

  async schedule(refs: readonly AggregateRef[], options: ScheduleOptions = {}): Promise<void> {
    this.#assertOpen();
    const delayMs = options.delayMs ?? this.#delayMs;
    assertSchedulable(refs, delayMs);
    await this.#tracked(refs.length > MAX_BULK ? this.#addAll(refs, delayMs) : this.#gather(refs, delayMs));
    this.#scheduling.report(refs);
  }

  async counts(): Promise<QueueCounts> {
    this.#assertOpen();
    const [jobs, deadLetters] = await this.#call(async (queue) =>
      Promise.all([queue.getJobCounts("waiting", "delayed", "prioritized", "active"), this.#letters.count()]),
    );
    const { waiting = 0, delayed = 0, prioritized = 0, active = 0 } = jobs;
    return { pending: waiting + delayed + prioritized, active, deadLetters };
  }

  /**
   * Resolves if Redis lets this queue and its workers do all they need, now: it writes, by the same commands. With a note if
   * there is something to mend that keeps nothing from working yet.
   *
   * @throws EventSourcingError `QUEUE_UNAVAILABLE` or `QUEUE_REJECTED` with the state Redis is in
   */
  async check(): Promise<string | undefined> {
    this.#assertOpen();
    try {
      return await this.#call(async () => {
        await this.#gate.probe();
        return adviceFor(this.#redis);
      });
    } catch (error) {
      throw await withReason(this.#redis, error);
    }
  }

  /** Stops accepting, lets calls in flight end, disconnects. What is pending stays in Redis for the workers. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closingNow.abort(new EventSourcingError("CLOSED", "The queue is closed."));
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    const queue = await this.#queue?.catch(() => null);
    await queue?.close().catch((error: unknown) => this.#report(asError(error)));
    if (isReady(this.#redis)) {
      await within(this.#timeoutMs, this.#redis.quit(), () => null).catch(() => null);
    }
    this.#redis.disconnect();
  }

  /**
   * Small calls of one turn of the event loop cost as much as one: a hundred rebuilds that end together, and each tell of what
   * they changed. Those of another context are apart, for their runs are linked to it.
   */
  #gather(refs: readonly AggregateRef[], delayMs: number): Promise<void> {
    const scope = this.#telemetry?.contextManager.active();
    let gathering = this.#gatherings.find((one) => one.scope === scope && one.delayMs === delayMs);
    if (gathering === undefined) {
      const gathered: AggregateRef[] = [];
      const add = async () => {
        await nextTurn();
        this.#gatherings.shift();
        await this.#addAll(gathered, delayMs);
      };
      gathering = { scope, delayMs, refs: gathered, added: add() };
      this.#gatherings.push(gathering);
    }
    gathering.refs.push(...refs);
    return gathering.added;
  }

  async #addAll(refs: readonly AggregateRef[], delayMs: number): Promise<void> {
    if (!this.#gate.isOpen) await this.#call(() => this.#gate.assertOpen());
    const distinct = [...new Map(refs.map((ref) => [deduplicationId(ref), ref]))];
    const priorities = await this.#priorities(distinct);
    const size = Math.min(this.#maxInFlight, MAX_BULK);
    // Never the ref: a job id collapses calls for good while its job is active, and these must not be lost. A random one
    // because BullMQ's own counter starts again at 1 when Redis lost its data, under live workers.
    const callId = randomBytes(12).toString("base64url");
    let next = 0;
    let failed = false;
    const lane = async () => {
      while (next < distinct.length && !failed) {
        const from = next;
        next += size;
        const jobs = distinct
          .slice(from, next)
          .map(([id, ref], index) =>
            this.#job(`${callId}-${from + index}`, id, ref, delayMs, priorities?.[from + index]),
          );
        await this.#call((queue) => add(queue, jobs), jobs.length).catch((error: unknown) => {
          failed = true;
          throw error;
        });
      }
    };
    const lanes = Math.min(Math.ceil(this.#maxInFlight / size), Math.ceil(distinct.length / size));
    const outcomes = await Promise.allSettled(Array.from({ length: lanes }, lane));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  async #priorities(refs: readonly (readonly [string, AggregateRef])[]): Promise<readonly number[] | null> {
    const turns = this.#turns;
    if (turns === null || refs.length === 0) return null;
    return this.#call(() =>
      turns.take(refs.map(([id, { tenantId }]) => ({ tenantId, deduplicationId: id }))),
    );
  }

  #job(
    jobId: string,
    id: string,
    { tenantId, aggregateId }: AggregateRef,
    delayMs: number,
    priority: number | undefined,
  ): ProjectionJob {
    return {
      name: jobName,
      data: { tenantId, aggregateId },
      opts: {
        jobId,
        deduplication: { id, keepLastIfActive: true },
        attempts: this.#attempts,
        backoff: { type: "exponential", delay: this.#backoffMs },
        delay: Math.ceil(Math.min(delayMs, MAX_DELAY_MS)),
        ...(priority === undefined ? {} : { priority }),
        removeOnComplete: this.#options.removeOnComplete ?? true,
        removeOnFail: this.#options.removeOnFail ?? { count: 1_000 },
      },
    };
  }

  /** Some commands, bounded in time, every failure as an error of the port. */
  async #call<T>(work: (queue: Queue<ProjectionJobData>) => Promise<T>, commands = 1): Promise<T> {
    const givenUp = new AbortController();
    const attempt = this.#slots.use(commands, async () => work(await this.#connected()), givenUp.signal);
    const call = this.#patience.await(attempt, () => {
      this.#lost();
      return this.#down === null
        ? unavailable(`no answer within ${this.#timeoutMs} ms`)
        : asQueueError(this.#down);
    });
    try {
      return await this.#tracked(call);
    } catch (error) {
      givenUp.abort(error);
      this.#gate.noteFailure(error);
      if (!this.#gate.isOpen) this.#watch();
      throw asQueueError(error);
    }
  }

  #lost(): void {
    this.#gate.lost();
    this.#watch();
  }

  /** Asks until Redis works again, for who wants to know. */
  #watch(): void {
    if (this.#options.onRecovered === undefined || this.#watching) return;
    this.#watching = true;
    this.#gate
      .untilOpen(this.#closingNow.signal)
      .catch(() => undefined)
      .finally(() => {
        this.#watching = false;
      });
  }

  /** Closing waits for it. */
  async #tracked<T>(work: Promise<T>): Promise<T> {
    this.#inFlight.add(work);
    try {
      return await work;
    } finally {
      this.#inFlight.delete(work);
    }
  }

  /**
   * The queue once Redis is there. Known to be down fails at once; a connection on its way is waited for.
   * BullMQ's own queue is only made on a ready connection: one whose first command fails never works again.
   */
  async #connected(): Promise<Queue<ProjectionJobData>> {
    if (!isReady(this.#redis)) {
      if (this.#down !== null) throw asQueueError(this.#down);
      this.#readying ??= this.#ready().finally(() => {
        this.#readying = null;
      });
      await this.#readying;
    }
    this.#queue ??= this.#makeQueue();
    return this.#queue;
  }

  /** Settles with the attempt to connect that is under way; who waits for it brings the patience. */
  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        this.#redis.off("ready", onReady);
        this.#redis.off("error", onError);
        this.#redis.off("end", onEnd);
        end();
      };
      const onReady = () => settle(resolve);
      const onError = (error: Error) => settle(() => reject(asQueueError(error)));
      const onEnd = () => settle(() => reject(unavailable("the connection was ended")));
      this.#redis.on("ready", onReady);
      this.#redis.on("error", onError);
      this.#redis.on("end", onEnd);
    });
  }

  async #makeQueue(): Promise<Queue<ProjectionJobData>> {
    const options = {
      connection: this.#redis,
      prefix: this.#names.prefix,
      skipWaitingForReady: true,
      // It needs INFO, and prints on the console.
      skipVersionCheck: true,
      ...(this.#telemetry === null ? {} : { telemetry: this.#telemetry }),
    };
    const queue = new Queue<ProjectionJobData>(this.#names.queueName, options, createGatheringBackend);
    // The connection's errors are reported where it is made; BullMQ emits them once more.
    queue.on("error", () => undefined);
    try {
      await queue.waitUntilReady();
      return queue;
    } catch (error) {
      this.#queue = null;
      await queue.close().catch(() => undefined);
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw new EventSourcingError("CLOSED", "The queue is closed.");
  }

  #report(error: Error): void {
    this.#onError(error);
  }
}

/** Several are sent together, as many commands in one write, below one span. */
async function add(queue: Queue<ProjectionJobData>, jobs: readonly ProjectionJob[]): Promise<void> {
  const [first] = jobs;
  if (jobs.length === 1 && first !== undefined) await queue.add(first.name, first.data, first.opts);
  else await queue.addBulk([...jobs]);
}
