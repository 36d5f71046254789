/** How often one message is repeated, milliseconds. */
const REPEAT_AFTER_MS = 60_000;
/** Messages remembered. Beyond it the oldest is forgotten, and reported again when it returns. */
const MAX_MESSAGES = 100;

/**
 * Reports errors as warnings of the process, each message at most once a minute with how often it came in between: what
 * `warningListener` of `@es/core` does, on which this package does not depend.
 */
export function warningListener(source: string): (error: unknown) => void {
  const reported = new Map<string, { readonly at: number; unreported: number }>();
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
    const [oldest] = reported.keys();
    if (reported.size > MAX_MESSAGES && oldest !== undefined) reported.delete(oldest);
    const times = before === undefined || before.unreported === 0 ? "" : ` (${before.unreported} times more)`;
    process.emitWarning(`${message}${times}`, { type: source });
  };
}
