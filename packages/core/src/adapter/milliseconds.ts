import { wholeNumber } from "./wholeNumber.js";

/** Node fires a timer of more than this at once instead of in 25 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Gives a time span that a timer may have to wait for back.
 *
 * @throws EventSourcingError `INVALID_OPTIONS` unless it is whole, at least `least` and at most 2 147 483 647 (24 days)
 */
export function milliseconds(name: string, value: number, least: number): number {
  return wholeNumber(name, value, least, MAX_TIMER_MS);
}
