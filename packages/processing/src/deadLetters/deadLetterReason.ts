import { classifyError, type ErrorClass, isEventSourcingError } from "@es/core";

const MAX_REASON_LENGTH = 2_000;

/** What a dead letter says about the error that parked it. */
export interface DeadLetterReason {
  readonly errorClass: ErrorClass;
  /** The error's code, or its name. */
  readonly code: string;
  readonly reason: string;
  /** Events of the aggregate that the failed run had read; `null` where the error does not say. */
  readonly eventCount: number | null;
}

/**
 * Describes any thrown value. A long message is cut to 2 000 characters, and says so. The number of events comes from the
 * field `eventCount` of an `EventSourcingError`.
 */
export function describeFailure(error: unknown): DeadLetterReason {
  const reason = error instanceof Error ? error.message : String(error);
  const eventCount = isEventSourcingError(error) ? error.fields.eventCount : undefined;
  return {
    errorClass: classifyError(error),
    code: isEventSourcingError(error) ? error.code : error instanceof Error ? error.name : typeof error,
    eventCount: typeof eventCount === "number" ? eventCount : null,
    reason:
      reason.length <= MAX_REASON_LENGTH
        ? reason
        : `${reason.slice(0, MAX_REASON_LENGTH).toWellFormed()}… (${reason.length - MAX_REASON_LENGTH} more characters)`,
  };
}
