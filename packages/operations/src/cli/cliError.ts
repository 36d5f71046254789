/** How the command line ends. */
export const exitCodes = {
  ok: 0,
  /** The worker refused, or could not do it. */
  failed: 1,
  /** Wrong command, option or value. */
  usage: 2,
  /** Nobody answers, or refuses the token. */
  unreachable: 3,
} as const;

/** Told on one line; then the program ends with the code. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

export function usageError(message: string): CliError {
  return new CliError(exitCodes.usage, message);
}
