import type { Page } from "@es/core";
import { wholeNumber } from "@es/core/adapter";
import { RETRY_PARKED_AFTER_MS, type ReconciledQueue, refOf, withoutParked } from "../queue/parkedRuns.js";
import type { LaggingAggregate, LagSource, ListLaggingOptions } from "./lagSource.js";

export interface ScheduleLaggingOptions extends Pick<ListLaggingOptions, "acceptedWithinMs" | "graceMs"> {
  /**
   * How long a parked run is left alone, milliseconds, if it failed for a reason that does not pass and nothing more is
   * stored. 0 schedules what is parked like all else. @default 3 600 000
   */
  readonly retryParkedAfterMs?: number;
  /** Stops between two pages. */
  readonly signal?: AbortSignal;
}

/** What one look found. */
export interface ScheduleLaggingResult {
  /** Aggregates that lag, parked ones included. */
  readonly lagging: number;
  /** Those of them that were scheduled. */
  readonly scheduled: number;
  /** How long the one scheduled that lags longest does, milliseconds; 0 if none does. */
  readonly oldestLagMs: number;
  /** False if it was stopped before its last page. */
  readonly complete: boolean;
}

/**
 * Schedules every aggregate that lags, page by page, but those whose run is parked and would fail again. It heals what a lost queue, or a process that died between storing
 * and scheduling, left behind. Rejects as the source or the queue does.
 */
export async function scheduleLagging(
  source: LagSource,
  queue: ReconciledQueue,
  { signal, retryParkedAfterMs = RETRY_PARKED_AFTER_MS, ...window }: ScheduleLaggingOptions = {},
): Promise<ScheduleLaggingResult> {
  wholeNumber("retryParkedAfterMs", retryParkedAfterMs, 0);
  let lagging = 0;
  let scheduled = 0;
  let oldestLagMs = 0;
  let cursor: string | null = null;
  do {
    const page: Page<LaggingAggregate> = await source.listLagging(
      cursor === null ? window : { ...window, cursor },
    );
    lagging += page.items.length;
    const due = await withoutParked(page.items, queue, retryParkedAfterMs);
    if (due.length > 0) await queue.schedule(due.map(refOf));
    scheduled += due.length;
    for (const { lagMs } of due) oldestLagMs = Math.max(oldestLagMs, lagMs);
    cursor = page.nextCursor;
  } while (cursor !== null && signal?.aborted !== true);
  return { lagging, scheduled, oldestLagMs, complete: cursor === null };
}
