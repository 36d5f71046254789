/** How often one message is repeated, milliseconds. */
const REPEAT_AFTER_MS = 60_000;
/** Messages remembered by one listener. Beyond it the oldest is forgotten, and reported again when it returns. */
const MAX_MESSAGES = 100;

interface Reported {
  readonly at: number;
  unreported: number;
}

/**
 * Reports errors that no caller waits for, where nobody listens to them: as warnings of the process (`process.emitWarning`),
 * each message at most once a minute, with how often it came in between. A library is never silent by default.
 *
 * @param source who reports: the name of the class
 */
export function warningListener(source: string): (error: unknown) => void {
  const reported = new Map<string, Reported>();
  return (error) => {
    const message = error instanceof Error ? error.message : String(error);
    const now = performance.now();
    const before = reported.get(message);
    if (before !== undefined && now - before.at < REPEAT_AFTER_MS) {
      before.unreported++;
      return;
    }
    reported.delete(message);
    reported.set(message, { at: now, unreported: 0 });
    for (const oldest of reported.keys()) {
      if (reported.size <= MAX_MESSAGES) break;
      reported.delete(oldest);
    }
    const times = before === undefined || before.unreported === 0 ? "" : ` (${before.unreported} times more)`;
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
    process.emitWarning(`${message}${times}`, { type: source, ...(code === undefined ? {} : { code }) });
  };
}
