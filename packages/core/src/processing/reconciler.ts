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
  /** Stops between two pages. */
  readonly signal?: AbortSignal;
}

/**
 * Schedules every aggregate that lags. It heals what a lost queue, or a process that died between storing and
 * scheduling, left behind. Resolves with how many it scheduled.
 */
export async function reconcile(
  source: LagSource,
  queue: Pick<ProjectionQueue, "schedule">,
  { since = 0n, signal }: ReconcileOptions = {},
): Promise<number> {
  let scheduled = 0;
  let cursor: string | null = null;
  do {
    const page: Page<AggregateRef> = await source.listLagging(since, cursor === null ? {} : { cursor });
    if (page.items.length > 0) await queue.schedule(page.items);
    scheduled += page.items.length;
    cursor = page.nextCursor;
  } while (cursor !== null && signal?.aborted !== true);
  return scheduled;
}

export interface ReconcilerOptions {
  readonly source: LagSource;
  readonly queue: Pick<ProjectionQueue, "schedule">;
  /** Between two looks, milliseconds; 0 looks once. @default 30 000 */
  readonly intervalMs?: number;
  /**
   * The first look covers everything, each later one what was accepted since this long before the previous began:
   * events may take a while from their stamp to the store, and clocks differ. Milliseconds. @default 600 000
   */
  readonly overlapMs?: number;
  readonly onScheduled?: (count: number) => void;
  /** A look failed; the next covers what it should have. */
  readonly onError?: (error: unknown) => void;
}

export interface Reconciler {
  /** No look starts any more; resolves when the current one ended. */
  stop(): Promise<void>;
}

/** Reconciles now, and again at an interval. */
export function startReconciler(options: ReconcilerOptions): Reconciler {
  const { source, queue, intervalMs = 30_000, overlapMs = 600_000, onScheduled, onError } = options;
  const stopping = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let since = 0n;

  async function look(): Promise<void> {
    const startedAt = Date.now();
    try {
      const scheduled = await reconcile(source, queue, { since, signal: stopping.signal });
      since = BigInt(Math.max(0, startedAt - overlapMs)) * 1_000_000n;
      if (scheduled > 0) onScheduled?.(scheduled);
    } catch (error) {
      if (!stopping.signal.aborted) onError?.(error);
    }
    if (intervalMs > 0 && !stopping.signal.aborted) {
      timer = setTimeout(() => {
        current = look();
      }, intervalMs);
    }
  }

  let current = look();
  return {
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await current;
    },
  };
}
