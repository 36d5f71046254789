import { classifyError, type ErrorClass, isEventSourcingError } from "@es/core";

const MAX_REASON_LENGTH = 2_000;

export interface Failure {
  readonly errorClass: ErrorClass;
  readonly code: string;
  readonly reason: string;
}

/** What a dead letter says about a thrown value. A long reason is cut, and says so. */
export function describeFailure(error: unknown): Failure {
  const reason = error instanceof Error ? error.message : String(error);
  return {
    errorClass: classifyError(error),
    code: isEventSourcingError(error) ? error.code : error instanceof Error ? error.name : typeof error,
    reason:
      reason.length <= MAX_REASON_LENGTH
        ? reason
        : `${reason.slice(0, MAX_REASON_LENGTH).toWellFormed()}… (${reason.length - MAX_REASON_LENGTH} more characters)`,
  };
}
