import type { AggregateRef } from "@es/core";
import type { DeadLetter, DeadLetters } from "../deadLetters/deadLetters.js";
import type { LaggingAggregate } from "../reconcile/lagSource.js";
import type { ProjectionQueue } from "./projectionQueue.js";

/** What a reconciler needs of a queue. Without dead letters it takes nothing for parked. */
export interface ReconciledQueue extends Pick<ProjectionQueue, "schedule"> {
  readonly deadLetters?: Pick<DeadLetters, "findByRefs">;
}

/** How long a parked run that would most likely fail again is left alone. */
export const RETRY_PARKED_AFTER_MS = 3_600_000;

/**
 * Leaves out of what lags the aggregates that lag because their run failed for good, and would fail again: each look would
 * run them in vain. A parked run is worth another when it failed for a reason that passes, when more events are stored now
 * than it had read, or when it was last tried long ago.
 */
export async function withoutParked(
  lagging: readonly LaggingAggregate[],
  { deadLetters }: ReconciledQueue,
  retryParkedAfterMs: number,
): Promise<readonly LaggingAggregate[]> {
  if (deadLetters === undefined || lagging.length === 0) return lagging;
  const letters = await deadLetters.findByRefs(lagging.map(refOf));
  const now = Date.now();
  return lagging.filter((aggregate, index) => {
    const letter = letters[index] ?? null;
    return letter === null || isWorthARun(letter, aggregate, now - retryParkedAfterMs);
  });
}

function isWorthARun(letter: DeadLetter, { storedEvents }: LaggingAggregate, longAgo: number): boolean {
  if (letter.errorClass === "transient" || letter.lastFailedAt <= longAgo) return true;
  return letter.eventCount !== null && storedEvents > letter.eventCount;
}

export function refOf({ tenantId, aggregateId }: AggregateRef): AggregateRef {
  return { tenantId, aggregateId };
}
