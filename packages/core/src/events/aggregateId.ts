import { EventSourcingError } from "../errors/eventSourcingError.js";

export const MAX_AGGREGATE_ID_LENGTH = 16_384;

/**
 * Any well-formed Unicode string of 1 to 16 384 characters is an aggregate id, whatever it holds. Stores call this before
 * they touch an engine: what cannot be stored exactly is refused.
 *
 * @throws EventSourcingError `INVALID_AGGREGATE_ID`
 */
export function assertAggregateId(value: string): void {
  const fault = aggregateIdFault(value);
  if (fault !== undefined) {
    throw new EventSourcingError("INVALID_AGGREGATE_ID", `Aggregate id ${fault}.`, {
      fields: { aggregateId: String(value).slice(0, 64) },
    });
  }
}

export function isAggregateId(value: string): boolean {
  return aggregateIdFault(value) === undefined;
}

function aggregateIdFault(value: unknown): string | undefined {
  if (typeof value !== "string") return `must be a string, got ${typeof value}`;
  if (value.length === 0) return "must not be empty";
  if (value.length > MAX_AGGREGATE_ID_LENGTH)
    return `has ${value.length} characters, at most ${MAX_AGGREGATE_ID_LENGTH} fit`;
  if (!value.isWellFormed()) return "holds a lone surrogate, which UTF-8 cannot store";
  return undefined;
}
