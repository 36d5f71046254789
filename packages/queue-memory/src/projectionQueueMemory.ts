import { type AggregateRef, aggregateRefKey, EventSourcingError } from "@es/core";
import { wholeNumber } from "@es/core/adapter";
import {
  assertSchedulable,
  type DeadLetters,
  describeFailure,
  type ProjectionQueue,
  type ProjectionRun,
  type ProjectionWorker,
  projectionQueueDefaults,
  type QueueCounts,
  type ScheduleOptions,
  SchedulingTelemetry,
} from "@es/processing";
import { type Link, trace } from "@opentelemetry/api";
import { DeadLettersMemory } from "./deadLettersMemory.js";
import type { Entry } from "./entry.js";
import { FairBacklog } from "./fairBacklog.js";
import { ProjectionWorkerMemory, type WorkOptions } from "./projectionWorkerMemory.js";
import { StartLimiter } from "./startLimiter.js";

export interface ProjectionQueueMemoryOptions {
  /** Tries in all, the first included. @default 3 */
  readonly attempts?: number;
  /** Milliseconds before the second try; doubles with each further one. @default 2000 */
  readonly backoffMs?: number;
  /** Quiet window: milliseconds from the first schedule call to the run that serves it. @default 200 */
  readonly delayMs?: number;
  /** Runs started per `durationMs`, over all workers; `null` for no limit. @default 10 per 1000 ms */
  readonly limiter?: { readonly max: number; readonly durationMs: number } | null;
  /**
   * Whether tenants take turns: the runs of one with a backlog do not delay another's. `null`: first come, first served.
   * @default "tenants"
   */
  readonly fairness?: "tenants" | null;
  /** Refs that may wait at once; calls beyond reject with `QUEUE_UNAVAILABLE`. @default 1_000_000 */
  readonly maxPending?: number;
}

/** Keeps a run that collapsed thousands of calls from linking to each of them. */
const MAX_LINKS = 8;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The `ProjectionQueue` port in this process. Pending runs and dead letters end with it. */
export class ProjectionQueueMemory implements ProjectionQueue {
  readonly #attempts: number;
  readonly #backoffMs: number;
  readonly #delayMs: number;
  readonly #maxPending: number;
  readonly #fair: boolean;
  readonly #limiter: StartLimiter | null;
  readonly #entries = new Map<string, Entry>();
  readonly #ready = new FairBacklog<Entry>();
  readonly #letters: DeadLettersMemory;
  readonly #workers = new Set<ProjectionWorkerMemory>();
  readonly #telemetry = new SchedulingTelemetry("@es/queue-memory");
  #active = 0;
  #closed = false;
  #dispatching = false;
  #limiterTimer: NodeJS.Timeout | null = null;

  constructor(options: ProjectionQueueMemoryOptions = {}) {
    const { attempts, backoffMs, limiter } = projectionQueueDefaults;
    this.#attempts = wholeNumber("attempts", options.attempts ?? attempts, 1);
    this.#backoffMs = milliseconds("backoffMs", options.backoffMs ?? backoffMs);
    this.#delayMs = milliseconds("delayMs", options.delayMs ?? 200);
    this.#maxPending = wholeNumber("maxPending", options.maxPending ?? 1_000_000, 1);
    this.#fair = options.fairness !== null;
    const limit = options.limiter === undefined ? limiter : options.limiter;
    this.#limiter =
      limit === null
        ? null
        : new StartLimiter(
            wholeNumber("limiter.max", limit.max, 1),
            milliseconds("limiter.durationMs", limit.durationMs),
          );
    this.#letters = new DeadLettersMemory({
      assertOpen: () => this.#assertOpen(),
      redrive: (ref) => this.#enqueue(aggregateRefKey(ref), ref, 0, schedulingLinks()),
    });
  }

  get deadLetters(): DeadLetters {
    return this.#letters;
  }

  async schedule(refs: readonly AggregateRef[], options: ScheduleOptions = {}): Promise<void> {
    this.#assertOpen();
    const delayMs = options.delayMs ?? this.#delayMs;
    assertSchedulable(refs, delayMs);
    const keys = new Map(refs.map((ref) => [aggregateRefKey(ref), ref]));
    this.#assertRoom(keys.keys());
    const links = schedulingLinks();
    for (const [key, ref] of keys) this.#enqueue(key, ref, delayMs, links);
    this.#telemetry.report(refs);
  }

  async counts(): Promise<QueueCounts> {
    this.#assertOpen();
    return {
      pending: this.#entries.size - this.#active,
      active: this.#active,
      deadLetters: this.#letters.size,
    };
  }

  /** Stops accepting. Workers go on with what is pending until they are closed. */
  async close(): Promise<void> {
    this.#closed = true;
  }

  /** Starts a worker. Several share the work, the limiter and the fairness between tenants. */
  work(run: ProjectionRun, options: WorkOptions = {}): ProjectionWorker {
    const worker = new ProjectionWorkerMemory(run, options, {
      succeeded: (entry) => this.#succeeded(entry),
      failed: (entry, error) => this.#failed(entry, error),
      interrupted: (entry) => this.#interrupted(entry),
      closed: () => this.#workers.delete(worker),
    });
    this.#workers.add(worker);
    this.#dispatch();
    return worker;
  }

  #enqueue(key: string, ref: AggregateRef, delayMs: number, links: readonly Link[]): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      const { tenantId, aggregateId } = ref;
      const added: Entry = {
        key,
        ref: { tenantId, aggregateId },
        failures: 0,
        firstFailedAt: 0,
        links: [...links],
        followUp: null,
        active: false,
      };
      this.#entries.set(key, added);
      this.#wait(added, delayMs);
    } else if (!entry.active) {
      addLinks(entry.links, links);
    } else if (entry.followUp === null) {
      entry.followUp = { delayMs, links: [...links] };
    } else {
      addLinks(entry.followUp.links, links);
    }
  }

  #wait(entry: Entry, delayMs: number): void {
    if (delayMs > 0) {
      setTimeout(() => this.#makeReady(entry), Math.min(delayMs, MAX_TIMER_MS)).unref();
    } else {
      this.#makeReady(entry);
    }
  }

  #makeReady(entry: Entry): void {
    this.#ready.push(this.#fair ? entry.ref.tenantId : "", entry);
    this.#dispatch();
  }

  /** In a microtask, so that a run never starts inside the call that schedules it. */
  #dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    queueMicrotask(() => {
      this.#dispatching = false;
      this.#dispatchNow();
    });
  }

  #dispatchNow(): void {
    for (const worker of this.#workers) {
      while (worker.free > 0 && this.#ready.size > 0) {
        const waitMs = this.#limiter?.take(performance.now()) ?? 0;
        if (waitMs > 0) {
          this.#dispatchAfter(waitMs);
          return;
        }
        const entry = this.#ready.shift();
        if (entry === undefined) return;
        entry.active = true;
        this.#active++;
        worker.start(entry);
      }
    }
  }

  #dispatchAfter(waitMs: number): void {
    if (this.#limiterTimer !== null) return;
    this.#limiterTimer = setTimeout(() => {
      this.#limiterTimer = null;
      this.#dispatch();
    }, waitMs);
    this.#limiterTimer.unref();
  }

  #succeeded(entry: Entry): void {
    this.#letters.heal(entry.key);
    this.#finish(entry);
  }

  #failed(entry: Entry, error: unknown): void {
    const now = Date.now();
    entry.failures++;
    if (entry.failures === 1) entry.firstFailedAt = now;
    const failure = describeFailure(error);
    if (failure.errorClass !== "permanent" && entry.failures < this.#attempts) {
      this.#rest(entry);
      this.#wait(entry, this.#backoffMs * 2 ** (entry.failures - 1));
      return;
    }
    this.#letters.park({
      ref: entry.ref,
      ...failure,
      attempts: entry.failures,
      firstFailedAt: entry.firstFailedAt,
      lastFailedAt: now,
    });
    this.#finish(entry);
  }

  /** The worker was closed under the run: it goes back as if it had not been tried. */
  #interrupted(entry: Entry): void {
    this.#rest(entry);
    this.#makeReady(entry);
  }

  /** From active to waiting. A try that is still to come also serves the calls made meanwhile. */
  #rest(entry: Entry): void {
    this.#release(entry);
    if (entry.followUp !== null) addLinks(entry.links, entry.followUp.links);
    entry.followUp = null;
  }

  #finish(entry: Entry): void {
    this.#release(entry);
    const { followUp } = entry;
    this.#entries.delete(entry.key);
    if (followUp !== null) this.#enqueue(entry.key, entry.ref, followUp.delayMs, followUp.links);
  }

  #release(entry: Entry): void {
    entry.active = false;
    this.#active--;
    this.#dispatch();
  }

  #assertOpen(): void {
    if (this.#closed) throw new EventSourcingError("CLOSED", "The queue is closed.");
  }

  #assertRoom(keys: Iterable<string>): void {
    let pending = this.#entries.size - this.#active;
    for (const key of keys) if (!this.#entries.has(key)) pending++;
    if (pending > this.#maxPending) {
      throw new EventSourcingError(
        "QUEUE_UNAVAILABLE",
        `The queue is full: ${this.#maxPending} refs may wait. Nothing of this call was scheduled; try again later.`,
        { fields: { maxPending: this.#maxPending } },
      );
    }
  }
}

function schedulingLinks(): readonly Link[] {
  const context = trace.getActiveSpan()?.spanContext();
  return context === undefined ? [] : [{ context }];
}

function addLinks(links: Link[], more: readonly Link[]): void {
  for (const link of more) if (links.length < MAX_LINKS) links.push(link);
}

function milliseconds(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new EventSourcingError(
    "INVALID_OPTIONS",
    `${name} must be milliseconds of at least 0, got ${value}.`,
  );
}
