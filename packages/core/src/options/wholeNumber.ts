import { EventSourcingError } from "../errors/eventSourcingError.js";

/** Gives the value of an option back. @throws EventSourcingError `INVALID_OPTIONS` unless it is whole and at least `least` */
export function wholeNumber(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new EventSourcingError(
    "INVALID_OPTIONS",
    `${name} must be a whole number of at least ${least}, got ${value}.`,
  );
}
