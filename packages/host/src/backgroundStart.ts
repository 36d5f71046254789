import type { Logger } from "./logger.js";
import { untilReady } from "./untilReady.js";

export interface BackgroundStartOptions {
  /** What it does, for the log: "apply the schema". */
  readonly name: string;
  readonly isTransient: (error: unknown) => boolean;
  readonly logger: Logger;
}

export interface BackgroundStart {
  /** Whether it is done. Until then, why not: the newest failure. */
  state(): { readonly done: true } | { readonly done: false; readonly error: unknown };
  /** Resolves when it is done; rejects if it failed for good or was stopped. */
  readonly finished: Promise<void>;
  stop(): void;
}

/**
 * Work an app must do before it can serve, done while it already listens: it answers "not yet" instead of not being
 * there, and goes on by itself when the engine it waits for comes up.
 */
export function startInBackground(
  task: () => Promise<void>,
  options: BackgroundStartOptions,
): BackgroundStart {
  const { name, isTransient, logger } = options;
  const stopping = new AbortController();
  let done = false;
  let lastError: unknown;
  const finished = untilReady(task, {
    isTransient,
    signal: stopping.signal,
    onRetry(error, nextTryInMs) {
      lastError = error;
      logger.warn({ error, nextTryInMs }, `Cannot ${name} yet; trying again`);
    },
  }).then(
    () => {
      if (lastError !== undefined) logger.info(`Could ${name} at last`);
      done = true;
    },
    (error: unknown) => {
      lastError = error;
      if (!stopping.signal.aborted) logger.error({ error }, `Cannot ${name}`);
      throw error;
    },
  );
  finished.catch(() => {});
  return {
    state: () => (done ? { done } : { done: false, error: lastError }),
    finished,
    stop: () => stopping.abort(),
  };
}
