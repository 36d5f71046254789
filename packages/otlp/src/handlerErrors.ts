/** The statuses after which an OTLP client tries again. */
export type OtlpRetryableStatus = 429 | 502 | 503 | 504;

export interface OtlpUnavailableOptions extends ErrorOptions {
  /** 429 too much from this client, 502 or 504 something behind us, 503 (default) us. */
  readonly status?: OtlpRetryableStatus;
  /** When to try again; written as whole seconds, rounded up. Default 5. */
  readonly retryAfterSeconds?: number;
}

/** The request is fine but cannot be served now. Thrown by `export` or `authenticate`; its message reaches the client. */
export class OtlpUnavailableError extends Error {
  readonly code = "OTLP_UNAVAILABLE";
  readonly retryable = true;
  readonly status: OtlpRetryableStatus;
  readonly retryAfterSeconds: number;

  constructor(message: string, options: OtlpUnavailableOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "OtlpUnavailableError";
    this.status = options.status ?? 503;
    this.retryAfterSeconds = options.retryAfterSeconds ?? 5;
  }
}

/** The statuses by which a request is refused for good. */
export type OtlpRefusedStatus = 400 | 401 | 403 | 413;

export interface OtlpRefusedOptions extends ErrorOptions {
  /** Of a 401 or 403: the value of `WWW-Authenticate`. A 401 has "Bearer" without it. */
  readonly challenge?: string;
}

/** The request must not be sent again as it is. Thrown by `export` or `authenticate`; its message reaches the client. */
export class OtlpRefusedError extends Error {
  readonly code = "OTLP_REFUSED";
  readonly retryable = false;
  readonly status: OtlpRefusedStatus;
  readonly challenge: string | undefined;

  constructor(message: string, status: OtlpRefusedStatus, options: OtlpRefusedOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "OtlpRefusedError";
    this.status = status;
    this.challenge = options.challenge ?? (status === 401 ? "Bearer" : undefined);
  }
}

// By code, not by class: two copies of this package may be installed.

export function isOtlpUnavailableError(error: unknown): error is OtlpUnavailableError {
  return hasCode(error, "OTLP_UNAVAILABLE");
}

export function isOtlpRefusedError(error: unknown): error is OtlpRefusedError {
  return hasCode(error, "OTLP_REFUSED");
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as { readonly code?: unknown }).code === code;
}
