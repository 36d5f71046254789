/** Why {@link startClickHouse} could not start. */
export type StartErrorCode =
  | "INVALID_OPTIONS"
  | "PASSWORD_REQUIRED"
  | "PORT_IN_USE"
  | "CANNOT_LISTEN"
  | "WORKER_THREAD"
  | "TOO_FEW_FILES"
  | "DATA_DIR_LOCKED"
  | "DATA_DIR_IN_USE"
  | "DATA_DIR_NOT_WRITABLE"
  | "ENGINE_UNAVAILABLE";

/** The server did not start; `code` says why and the message, one line, says what to do. */
export class StartError extends Error {
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StartError";
    this.code = code;
  }
}
