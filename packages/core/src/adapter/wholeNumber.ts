import { EventSourcingError } from "../errors/eventSourcingError.js";

/**
 * Gives the value of an option back.
 *
 * @throws EventSourcingError `INVALID_OPTIONS` unless it is whole, at least `least` and at most `most`
 */
export function wholeNumber(
  name: string,
  value: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new EventSourcingError(
    "INVALID_OPTIONS",
    `${name} must be a whole number ${range}, got ${String(value)}.`,
  );
}
