import type { AggregateRef } from "@es/core";
import { classifyError, isEventSourcingError } from "@es/core";
import { describeFailure } from "../deadLetters/deadLetterReason.js";
import type { Pace } from "../pace/pace.js";
import { rest } from "../pace/rest.js";
import type { ReplayFailure } from "./replay.js";

export interface RebuildPageOptions {
  /** Rebuilds one. */
  readonly rebuild: (ref: AggregateRef) => Promise<"rebuilt" | "no-events">;
  /** Whether the store answers at all. Rejects with a transient error while it does not. */
  readonly probe: () => Promise<unknown>;
  readonly concurrency: number;
  /** `null` for no limit. */
  readonly pace: Pace | null;
  readonly signal: AbortSignal;
  /** Before the next try of what failed for a transient reason: doubles up to `maxDelayMs`. */
  readonly retryDelayMs: number;
  readonly maxDelayMs: number;
  /** Told before each such wait. */
  readonly onWaiting: (error: unknown) => void;
}

export interface PageOutcome {
  readonly rebuilt: number;
  readonly empty: number;
  readonly failures: readonly ReplayFailure[];
}

interface Failed {
  readonly ref: AggregateRef;
  readonly error: unknown;
}

/** Of an aggregate, while the store answers: one whose read always exceeds the store's memory must not hold up the rest. */
const TRIES = 5;

/**
 * Rebuilds every aggregate of a page. One that fails for a reason of its own is reported, and so is one that keeps failing
 * while the store answers; while the store is away it waits.
 *
 * @returns `null` when the signal aborted before all were done
 */
export async function rebuildPage(
  refs: readonly AggregateRef[],
  options: RebuildPageOptions,
): Promise<PageOutcome | null> {
  const failures: ReplayFailure[] = [];
  let rebuilt = 0;
  let empty = 0;
  let left = refs;
  let tries = 0;
  for (let delayMs = options.retryDelayMs; ; delayMs = Math.min(2 * delayMs, options.maxDelayMs)) {
    const round = await rebuildOnce(left, options);
    rebuilt += round.rebuilt;
    empty += round.empty;
    const transient = round.failed.filter(({ error }) => classifyError(error) === "transient");
    failures.push(...round.failed.filter(({ error }) => classifyError(error) !== "transient").map(toFailure));
    if (options.signal.aborted) return null;
    const first = transient[0];
    if (first === undefined) break;
    const answers = transient.length < left.length || (await succeeds(options.probe));
    if (answers && ++tries >= TRIES) {
      failures.push(...transient.map(toFailure));
      break;
    }
    options.onWaiting(first.error);
    await rest(delayMs, options.signal);
    left = transient.map(({ ref }) => ref);
  }
  return { rebuilt, empty, failures };
}

/** Tries each once, a few at a time and no faster than the pace. */
async function rebuildOnce(
  refs: readonly AggregateRef[],
  { rebuild, concurrency, pace, signal }: RebuildPageOptions,
): Promise<{ rebuilt: number; empty: number; failed: readonly Failed[] }> {
  const failed: Failed[] = [];
  let rebuilt = 0;
  let empty = 0;
  let next = 0;
  let admitted = 0;
  let admitting: Promise<void> | undefined;
  /** Lets the next step's worth go; all who wait share one wait. */
  const admit = async () => {
    if (pace === null) {
      admitted = refs.length;
      return;
    }
    const step = Math.min(pace.step, refs.length - admitted);
    await pace.next(step, signal);
    admitted += step;
  };
  const work = async () => {
    for (;;) {
      while (next >= admitted && next < refs.length && !signal.aborted) {
        admitting ??= admit().finally(() => {
          admitting = undefined;
        });
        await admitting;
      }
      const ref = refs[next++];
      if (ref === undefined || signal.aborted) return;
      try {
        if ((await rebuild(ref)) === "rebuilt") rebuilt++;
        else empty++;
      } catch (error) {
        // The process is about to end: nothing is wrong with the aggregate.
        if (isEventSourcingError(error, "CLOSED") || isEventSourcingError(error, "ABORTED")) throw error;
        failed.push({ ref, error });
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: Math.min(concurrency, refs.length) }, work));
  const ended = workers.find((worker) => worker.status === "rejected");
  if (ended !== undefined) throw ended.reason;
  return { rebuilt, empty, failed };
}

async function succeeds(probe: () => Promise<unknown>): Promise<boolean> {
  try {
    await probe();
    return true;
  } catch {
    return false;
  }
}

function toFailure({ ref, error }: Failed): ReplayFailure {
  return { tenantId: ref.tenantId, aggregateId: ref.aggregateId, ...describeFailure(error) };
}
