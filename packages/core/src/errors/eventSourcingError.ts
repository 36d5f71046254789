/** Every failure this family of packages reports. Guards go by code, never by class or message. */
export type EventSourcingErrorCode =
  | "INVALID_TENANT_ID"
  | "INVALID_AGGREGATE_ID"
  | "INVALID_EVENT"
  | "INVALID_PROJECTION"
  | "INVALID_CURSOR"
  | "INVALID_OPTIONS"
  | "STORE_UNAVAILABLE"
  | "STORE_OVERLOADED"
  | "STORE_REJECTED"
  | "STORE_SCHEMA_MISMATCH"
  | "EVENT_UNDECODABLE"
  | "AGGREGATE_TOO_LARGE"
  | "PROJECTION_UNDECODABLE"
  | "HANDLER_FAILED"
  | "HOOK_FAILED"
  | "GENERATION_REFUSED"
  | "GENERATION_UNSUPPORTED"
  | "REPLAY_ENDED"
  | "QUEUE_UNAVAILABLE"
  | "QUEUE_REJECTED"
  | "CLOSED"
  | "ABORTED";

/**
 * What to do about a failure: `transient` goes away by waiting (an engine is down or overloaded), `permanent` stays until
 * somebody changes code, configuration or input, `poison` stays for this aggregate only.
 */
export type ErrorClass = "transient" | "permanent" | "poison";

const errorClasses: Readonly<Record<EventSourcingErrorCode, ErrorClass>> = {
  INVALID_TENANT_ID: "permanent",
  INVALID_AGGREGATE_ID: "permanent",
  INVALID_EVENT: "permanent",
  // What the handler made of this one aggregate.
  INVALID_PROJECTION: "poison",
  INVALID_CURSOR: "permanent",
  INVALID_OPTIONS: "permanent",
  STORE_UNAVAILABLE: "transient",
  STORE_OVERLOADED: "transient",
  STORE_REJECTED: "permanent",
  STORE_SCHEMA_MISMATCH: "permanent",
  EVENT_UNDECODABLE: "poison",
  AGGREGATE_TOO_LARGE: "poison",
  PROJECTION_UNDECODABLE: "poison",
  HANDLER_FAILED: "poison",
  HOOK_FAILED: "permanent",
  GENERATION_REFUSED: "permanent",
  // Another process may have the handler.
  GENERATION_UNSUPPORTED: "transient",
  REPLAY_ENDED: "permanent",
  QUEUE_UNAVAILABLE: "transient",
  QUEUE_REJECTED: "permanent",
  CLOSED: "permanent",
  ABORTED: "permanent",
};

/** Where a failure happened, in values fit for a log line. */
export type ErrorFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface EventSourcingErrorOptions {
  readonly cause?: unknown;
  readonly fields?: ErrorFields;
  /** Where it is another than the code's: what went wrong inside decides. */
  readonly errorClass?: ErrorClass;
}

export class EventSourcingError extends Error {
  readonly code: EventSourcingErrorCode;
  readonly errorClass: ErrorClass;
  readonly fields: ErrorFields;

  constructor(code: EventSourcingErrorCode, message: string, options: EventSourcingErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "EventSourcingError";
    this.code = code;
    this.errorClass = options.errorClass ?? errorClasses[code];
    this.fields = options.fields ?? {};
  }

  /** Whether the same call may succeed later with nothing changed. */
  get retryable(): boolean {
    return this.errorClass === "transient";
  }
}

/** True for errors of this family, also those made by another copy of the package, optionally with a given code. */
export function isEventSourcingError(
  error: unknown,
  code?: EventSourcingErrorCode,
): error is EventSourcingError {
  return (
    error instanceof Error &&
    error.name === "EventSourcingError" &&
    "code" in error &&
    "errorClass" in error &&
    (code === undefined || error.code === code)
  );
}

/** The class of any thrown value; what is not of this family is `poison`: unexpected, and tied to the work at hand. */
export function classifyError(error: unknown): ErrorClass {
  return isEventSourcingError(error) ? error.errorClass : "poison";
}
