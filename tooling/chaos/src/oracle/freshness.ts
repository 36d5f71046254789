import { setTimeout as sleep } from "node:timers/promises";
import type { StoredRows } from "./storedRows.js";

/** How long the oldest acknowledged span waited for its projection, over the looks of a run. Milliseconds. */
export interface FreshnessReport {
  readonly looks: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly worstMs: number;
}

const INTERVAL_MS = 1_000;
/** Spans that wait longer than this are no longer looked at: it bounds the cost of a look. */
const WINDOW_MS = 120_000;

/** Looks once a second until it is aborted. A look that fails, for ClickHouse is down, is none. */
export async function watchFreshness(
  rows: Pick<StoredRows, "lag">,
  signal: AbortSignal,
): Promise<FreshnessReport> {
  const ages: number[] = [];
  while (!signal.aborted) {
    const look = await rows.lag(WINDOW_MS).catch(() => undefined);
    if (look !== undefined) ages.push(look.oldestMs);
    await sleep(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
  ages.sort((a, b) => a - b);
  const at = (share: number) => ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] ?? 0;
  return { looks: ages.length, medianMs: at(0.5), p95Ms: at(0.95), worstMs: ages.at(-1) ?? 0 };
}
