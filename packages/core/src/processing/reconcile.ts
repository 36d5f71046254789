import type { Page } from "../stores/page.js";
import type { LaggingAggregate, LagSource, ListLaggingOptions } from "./lagSource.js";
import type { ProjectionQueue } from "./projectionQueue.js";

export interface ReconcileOptions extends Pick<ListLaggingOptions, "acceptedWithinMs" | "graceMs"> {
  /** Stops between two pages. */
  readonly signal?: AbortSignal;
}

/** What one look found. */
export interface ReconcileResult {
  /** Aggregates that lag. */
  readonly lagging: number;
  /** Those of them that were scheduled. */
  readonly scheduled: number;
  /** How long the one scheduled that lags longest does, milliseconds; 0 if none does. */
  readonly oldestLagMs: number;
  /** False if it was stopped before its last page. */
  readonly complete: boolean;
}

/**
 * Schedules every aggregate that lags, page by page. It heals what a lost queue, or a process that died between storing
 * and scheduling, left behind. Rejects as the source or the queue does.
 */
export async function reconcile(
  source: LagSource,
  queue: Pick<ProjectionQueue, "schedule">,
  { signal, ...window }: ReconcileOptions = {},
): Promise<ReconcileResult> {
  let lagging = 0;
  let scheduled = 0;
  let oldestLagMs = 0;
  let cursor: string | null = null;
  do {
    const page: Page<LaggingAggregate> = await source.listLagging(
      cursor === null ? window : { ...window, cursor },
    );
    lagging += page.items.length;
    const due = page.items;
    if (due.length > 0)
      await queue.schedule(due.map(({ tenantId, aggregateId }) => ({ tenantId, aggregateId })));
    scheduled += due.length;
    for (const { lagMs } of due) oldestLagMs = Math.max(oldestLagMs, lagMs);
    cursor = page.nextCursor;
  } while (cursor !== null && signal?.aborted !== true);
  return { lagging, scheduled, oldestLagMs, complete: cursor === null };
}
