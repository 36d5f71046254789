import type { AggregateRef } from "@es/core";
import type { DeadLetters } from "../deadLetters/deadLetters.js";

export interface ScheduleOptions {
  /**
   * Earliest start of the run, counted from the first schedule call it serves; calls until then join it. It bounds the
   * wait too: a steady stream of calls does not push the run back. @default the queue's own, see its options
   */
  readonly delayMs?: number;
}

export interface QueueCounts {
  /** Runs that wait, delayed and retrying ones included. */
  readonly pending: number;
  readonly active: number;
  readonly deadLetters: number;
}

/**
 * Collapses the changes of an aggregate into runs of its projection.
 *
 * Guarantees of every implementation, per ref:
 * - after every `schedule` call at least one run starts that sees all that was stored before the call, also if a run was
 *   active meanwhile;
 * - at most one run is active and at most one pending;
 * - a run that fails is tried again, then parked as a dead letter; a parked ref is scheduled again like any other.
 *
 * Calls reject with `EventSourcingError`: `QUEUE_UNAVAILABLE` (retryable), `QUEUE_REJECTED`, `CLOSED`.
 */
export interface ProjectionQueue {
  schedule(refs: readonly AggregateRef[], options?: ScheduleOptions): Promise<void>;
  counts(): Promise<QueueCounts>;
  readonly deadLetters: DeadLetters;
  /** Stops accepting. Pending runs stay for the next process where the queue is durable. */
  close(): Promise<void>;
}

export interface ProjectionRunContext {
  /** 1 on the first try. */
  readonly attempt: number;
  /** Aborted when the worker gives up waiting for active runs while it closes. */
  readonly signal: AbortSignal;
}

/**
 * Does the work of one run. What it throws fails the run: transient errors are tried again, others may be parked. `ABORTED`
 * while the worker closes gives the run back as if it had not been tried.
 */
export type ProjectionRun = (ref: AggregateRef, context: ProjectionRunContext) => Promise<void>;

/** Takes runs off a queue. It works from the moment it is made. */
export interface ProjectionWorker {
  /** Stops taking runs, waits for active ones up to `drainTimeoutMs` (default 30 000), then aborts their signal. */
  close(options?: { readonly drainTimeoutMs?: number }): Promise<void>;
}

/** The documented defaults of every queue, from the system this library was made for. */
export const projectionQueueDefaults = {
  /** Tries in all, the first included. */
  attempts: 3,
  /** Before the second try; doubles with each further one. */
  backoffMs: 2_000,
  /** Runs started per `durationMs`, over all workers of the queue. */
  limiter: { max: 10, durationMs: 1_000 },
} as const;

/** Three quarters of the cores, at least one. */
export function defaultConcurrency(cores: number): number {
  return Math.max(1, Math.floor(0.75 * cores));
}
