import { setMaxListeners } from "node:events";
import { availableParallelism } from "node:os";
import { EventSourcingError, isEventSourcingError } from "@es/core";
import { telemetryNames, withSpan } from "@es/core/adapter";
import { defaultConcurrency, type ProjectionRun, type ProjectionWorker } from "@es/processing";
import { SpanKind, type SpanOptions, type Tracer, trace } from "@opentelemetry/api";
import type { Entry } from "./entry.js";

export interface WorkOptions {
  /** Runs active at once. @default three quarters of the cores, at least 1 */
  readonly concurrency?: number;
}

/** How a worker hands a started entry back to its queue. */
export interface WorkerHost {
  succeeded(entry: Entry): void;
  failed(entry: Entry, error: unknown): void;
  interrupted(entry: Entry): void;
  closed(): void;
}

/** How long an aborted run may take to notice. */
const ABORT_GRACE_MS = 1_000;

export class ProjectionWorkerMemory implements ProjectionWorker {
  readonly #run: ProjectionRun;
  readonly #host: WorkerHost;
  readonly #concurrency: number;
  readonly #abort = new AbortController();
  readonly #active = new Set<Promise<void>>();
  readonly #tracer: Tracer = trace.getTracer("@es/queue-memory");
  #closing: Promise<void> | null = null;

  constructor(run: ProjectionRun, options: WorkOptions, host: WorkerHost) {
    const concurrency = options.concurrency ?? defaultConcurrency(availableParallelism());
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new EventSourcingError(
        "INVALID_OPTIONS",
        `concurrency must be a whole number of at least 1, got ${concurrency}.`,
      );
    }
    // As many may wait on it as there are runs: more than the ten that Node.js takes for a leak.
    setMaxListeners(0, this.#abort.signal);
    this.#run = run;
    this.#concurrency = concurrency;
    this.#host = host;
  }

  /** How many more runs it would take now. */
  get free(): number {
    return this.#closing === null ? this.#concurrency - this.#active.size : 0;
  }

  start(entry: Entry): void {
    // The place is free before the host hears of it, for the host then looks for free workers.
    const settle = (report: () => void) => {
      this.#active.delete(running);
      report();
    };
    const running: Promise<void> = this.#traced(entry).then(
      () => settle(() => this.#host.succeeded(entry)),
      (error: unknown) =>
        settle(() =>
          this.#isInterrupted(error) ? this.#host.interrupted(entry) : this.#host.failed(entry, error),
        ),
    );
    this.#active.add(running);
  }

  close(options: { readonly drainTimeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#drain(options.drainTimeoutMs ?? 30_000);
    return this.#closing;
  }

  /** The run was aborted, or gave up by itself because the worker closes. */
  #isInterrupted(error: unknown): boolean {
    return this.#abort.signal.aborted || (this.#closing !== null && isEventSourcingError(error, "ABORTED"));
  }

  async #drain(drainTimeoutMs: number): Promise<void> {
    const idle = Promise.all(this.#active);
    if (!(await settledWithin(idle, drainTimeoutMs))) {
      this.#abort.abort(new EventSourcingError("ABORTED", "The worker closed before this run ended."));
      await settledWithin(idle, ABORT_GRACE_MS);
    }
    this.#host.closed();
  }

  /** Each run is a trace of its own, linked to the spans that scheduled it. */
  #traced(entry: Entry): Promise<void> {
    const { attributes } = telemetryNames;
    const attempt = entry.failures + 1;
    const options: SpanOptions = {
      root: true,
      kind: SpanKind.CONSUMER,
      links: entry.links,
      attributes: {
        [attributes.tenantId]: entry.ref.tenantId,
        [attributes.aggregateId]: entry.ref.aggregateId,
        [attributes.attempt]: attempt,
      },
    };
    return withSpan(this.#tracer, telemetryNames.spans.memoryQueueRun, options, () =>
      this.#run(entry.ref, { attempt, signal: this.#abort.signal }),
    );
  }
}

async function settledWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([work.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
