import { EventSourcingError } from "../errors/eventSourcingError.js";

export const MAX_AGGREGATE_ID_LENGTH = 16_384;

/**
 * Any well-formed Unicode string of 1 to 16 384 characters is an aggregate id, whatever it holds. Stores call this before
 * they touch an engine: what cannot be stored exactly is refused.
 *
 * @throws EventSourcingError `INVALID_AGGREGATE_ID`
 */
export function assertAggregateId(value: string): void {
  const fault =
    typeof value !== "string"
      ? `must be a string, got ${typeof value}`
      : value.length === 0
        ? "must not be empty"
        : value.length > MAX_AGGREGATE_ID_LENGTH
          ? `has ${value.length} characters, at most ${MAX_AGGREGATE_ID_LENGTH} fit`
          : value.isWellFormed()
            ? undefined
            : "holds a lone surrogate, which UTF-8 cannot store";
  if (fault !== undefined) {
    throw new EventSourcingError("INVALID_AGGREGATE_ID", `Aggregate id ${fault}.`, {
      fields: { aggregateId: String(value).slice(0, 64) },
    });
  }
}
