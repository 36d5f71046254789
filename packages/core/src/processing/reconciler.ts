import type { AggregateRef } from "../events/aggregateRef.js";
import type { Page, PageOptions } from "../stores/page.js";
import type { ProjectionQueue } from "./projectionQueue.js";

/** Finds aggregates whose stored events are ahead of their projection. */
export interface LagSource {
  /** @param since only aggregates with an event accepted at or after this instant, Unix nanoseconds */
  listLagging(since: bigint, options?: PageOptions): Promise<Page<AggregateRef>>;
}

export interface ReconcileOptions {
  /** Only aggregates with an event accepted at or after this instant, Unix nanoseconds. @default 0n: all */
  readonly since?: bigint;
  readonly signal?: AbortSignal;
}

/**
 * Schedules every aggregate that lags. It heals what a lost queue, or a process that died between storing and
 * scheduling, left behind. Resolves with how many it scheduled.
 */
export async function reconcile(
  source: LagSource,
  queue: Pick<ProjectionQueue, "schedule">,
  options: ReconcileOptions = {},
): Promise<number> {
  let scheduled = 0;
  let cursor: string | null = null;
  do {
    const page: Page<AggregateRef> = await source.listLagging(
      options.since ?? 0n,
      cursor === null ? {} : { cursor },
    );
    if (page.items.length > 0) await queue.schedule(page.items);
    scheduled += page.items.length;
    cursor = page.nextCursor;
  } while (cursor !== null && options.signal?.aborted !== true);
  return scheduled;
}
