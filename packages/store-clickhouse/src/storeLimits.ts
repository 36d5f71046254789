import { milliseconds, wholeNumber } from "@es/core/adapter";
import type { CoalescerLimits } from "./coalescer.js";

const MIB = 2 ** 20;

/** Items are aggregates, bytes those of their ids: ClickHouse takes parameters of up to 128 KiB. */
export const defaultReadLimits: CoalescerLimits = {
  maxItems: 500,
  maxBytes: 96 * 2 ** 10,
  maxConcurrent: 4,
  lingerMs: 2,
  maxQueuedItems: 100_000,
  maxQueuedBytes: 64 * MIB,
  maxWaitMs: 30_000,
};

/** Items are calls (of a projection store: records), bytes those of their rows as JSON. */
export const defaultWriteLimits: CoalescerLimits = {
  maxItems: 10_000,
  maxBytes: 8 * MIB,
  maxConcurrent: 2,
  lingerMs: 5,
  maxQueuedItems: 100_000,
  maxQueuedBytes: 128 * MIB,
  maxWaitMs: 30_000,
};

/** Of a read that serves several aggregates; a larger result is read in halves. */
export const MAX_SHARED_RESULT_BYTES = 32 * MIB;

/** Of a read of one aggregate's events. Read into objects they take two to three times as much. */
export const DEFAULT_MAX_AGGREGATE_BYTES = 256 * MIB;

export function mergeLimits(
  defaults: CoalescerLimits,
  given: Partial<CoalescerLimits> | undefined,
): CoalescerLimits {
  const limits = { ...defaults, ...given };
  for (const [name, value] of Object.entries(limits)) {
    const least = name === "lingerMs" ? 0 : 1;
    if (name.endsWith("Ms")) milliseconds(name, value, least);
    else wholeNumber(name, value, least);
  }
  return limits;
}
