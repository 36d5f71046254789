import { EventSourcingError } from "../errors/eventSourcingError.js";
import { assertAggregateId } from "../events/aggregateId.js";
import type { Event } from "../events/event.js";

/** Of an event's id and of its type, in characters. */
export const MAX_EVENT_ID_LENGTH = 16_384;

const TIME_LIMIT = 1n << 64n;

/**
 * Stores call this on every event before they touch an engine: what cannot be stored exactly is refused.
 *
 * @throws EventSourcingError `INVALID_AGGREGATE_ID` or `INVALID_EVENT`
 */
export function assertEvent(event: Event): void {
  if (typeof event !== "object" || event === null) {
    throw new EventSourcingError(
      "INVALID_EVENT",
      `An event must be an object, got ${event === null ? "null" : typeof event}.`,
    );
  }
  assertAggregateId(event.aggregateId);
  const fault =
    textFault("id", event.id) ??
    textFault("type", event.type) ??
    timeFault("occurredAt", event.occurredAt) ??
    timeFault("acceptedAt", event.acceptedAt);
  if (fault !== undefined) {
    throw new EventSourcingError(
      "INVALID_EVENT",
      `Event ${JSON.stringify(String(event.id).slice(0, 64))}: ${fault}.`,
      {
        fields: {
          aggregateId: event.aggregateId.slice(0, 64),
          eventId: String(event.id).slice(0, 64),
        },
      },
    );
  }
}

function textFault(field: string, value: unknown): string | undefined {
  if (typeof value !== "string") return `${field} must be a string, got ${typeof value}`;
  if (value.length === 0) return `${field} must not be empty`;
  if (value.length > MAX_EVENT_ID_LENGTH) {
    return `${field} has ${value.length} characters, at most ${MAX_EVENT_ID_LENGTH} fit`;
  }
  if (!value.isWellFormed()) return `${field} holds a lone surrogate, which UTF-8 cannot store`;
  return undefined;
}

function timeFault(field: string, value: unknown): string | undefined {
  if (typeof value !== "bigint") return `${field} must be a bigint of Unix nanoseconds, got ${typeof value}`;
  if (value < 0n || value >= TIME_LIMIT) return `${field} is outside 0 to 2^64 - 1: ${value}`;
  return undefined;
}
