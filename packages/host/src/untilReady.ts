import { setTimeout as sleep } from "node:timers/promises";

export interface UntilReadyOptions {
  /** Whether the failure goes away by waiting. Others are thrown at once. */
  readonly isTransient: (error: unknown) => boolean;
  readonly onRetry: (error: unknown, nextTryInMs: number) => void;
  readonly signal?: AbortSignal;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5_000;

/** Tries until it works, with growing pauses: how an app waits for an engine that is not up yet. */
export async function untilReady<T>(attempt: () => Promise<T>, options: UntilReadyOptions): Promise<T> {
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
    options.signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!options.isTransient(error)) throw error;
      options.onRetry(error, delay);
      await sleep(delay, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }
}
