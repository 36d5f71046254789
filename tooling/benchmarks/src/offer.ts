import { type AggregateRef, parseTenantId } from "@es/core";
import type { ProjectionQueue } from "@es/processing";

export interface OfferOptions {
  readonly queue: Pick<ProjectionQueue, "schedule">;
  readonly tenants: readonly string[];
  /** Refs per second, of all tenants together. */
  readonly ratePerSecond: number;
  readonly signal: AbortSignal;
  readonly onScheduling?: (ref: AggregateRef, at: number) => void;
}

const TICK_MS = 10;

/**
 * Schedules new refs at a rate, whatever becomes of them: an open loop, which does not slow down when the queue does. What
 * a late timer missed is made up for. Resolves with how many were scheduled.
 */
export async function offer(options: OfferOptions): Promise<number> {
  const { queue, tenants, ratePerSecond, signal, onScheduling } = options;
  const begun = performance.now();
  const calls = new Set<Promise<void>>();
  let offered = 0;
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - begun) / 1_000) * ratePerSecond) + 1;
    const refs: AggregateRef[] = [];
    for (; offered < due; offered++) {
      const tenantId = parseTenantId(tenants[offered % tenants.length] ?? "");
      const ref = { tenantId, aggregateId: `${offered}` };
      onScheduling?.(ref, performance.now());
      refs.push(ref);
    }
    if (refs.length > 0) {
      const call = queue.schedule(refs).finally(() => calls.delete(call));
      calls.add(call);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(calls);
  return offered;
}
