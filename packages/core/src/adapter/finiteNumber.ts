import { EventSourcingError } from "../errors/eventSourcingError.js";

/**
 * Gives the value of an option back that may have a fraction.
 *
 * @throws EventSourcingError `INVALID_OPTIONS` unless it is finite and at least 0, or above 0 where `aboveZero` is true
 */
export function finiteNumber(name: string, value: number, { aboveZero = false } = {}): number {
  if (Number.isFinite(value) && (aboveZero ? value > 0 : value >= 0)) return value;
  throw new EventSourcingError(
    "INVALID_OPTIONS",
    `${name} must be a number ${aboveZero ? "above 0" : "of at least 0"}, got ${String(value)}.`,
  );
}
