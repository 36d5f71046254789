import { setTimeout as sleep } from "node:timers/promises";
import { asQueueError, isForbidden, isReply } from "./queueErrors.js";

export interface RedisGateOptions {
  /** Resolves if Redis does all that is needed. */
  readonly probe: () => Promise<void>;
  /** A probe failed: with why, in words for an operator. */
  readonly onFailure?: (error: Error) => void;
  /** Redis works again after it did not, or did not answer. */
  readonly onRecovered?: () => void;
}

const FIRST_DELAY_MS = 100;
/** Bounds how long after its recovery Redis is still taken for broken. */
const LONGEST_DELAY_MS = 2_000;
/** A probe that takes longer counts as an outage: other callers may have given up meanwhile. */
const SILENCE_MS = 1_000;
/** A failure is the answer for so long: calls that fail anyway do not ask each for itself. */
const FAILURE_COUNTS_MS = 500;

/**
 * Whether Redis is in a state in which the queue can work. What is sent to it in another state fails half way at worst: a
 * script whose third command is forbidden has done the first two. So each connection is probed before it is used, and again
 * after any failure, by one probe however many wait.
 */
export class RedisGate {
  readonly #options: RedisGateOptions;
  #open = false;
  /** Whether somebody knows that Redis was not well since the last probe that passed. */
  #wasDown = false;
  #failure: { readonly error: Error; readonly at: number } | null = null;
  #probing: Promise<void> | null = null;
  #doubts = 0;

  constructor(options: RedisGateOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Why the last probe failed; `null` since it passed, or before the first. */
  get failure(): Error | null {
    return this.#failure?.error ?? null;
  }

  /** A command failed, or the connection was lost: the next call probes first. */
  doubt(): void {
    this.#open = false;
    this.#doubts++;
  }

  /** The connection was lost or refused, or nothing was answered in time: what comes next is a recovery. */
  lost(): void {
    this.#wasDown = true;
    this.doubt();
  }

  /** Takes note of a failed command. Lost connections are noted by their events. */
  noteFailure(error: unknown): void {
    if (!isReply(error)) return;
    this.doubt();
    // What a script left half done is mended at the recovery.
    if (isForbidden(error)) this.#wasDown = true;
  }

  /** Asks now, whatever is known. Rejects with what is wrong. */
  async probe(): Promise<void> {
    await this.#probe();
  }

  /** For calls that somebody waits for: rejects at once with what is wrong. */
  async assertOpen(): Promise<void> {
    if (this.#open) return;
    const failed = this.#failure;
    if (failed !== null && performance.now() - failed.at < FAILURE_COUNTS_MS) throw failed.error;
    await this.#probe();
  }

  /** For loops: resolves once a probe passes. Rejects with the signal's reason. */
  async untilOpen(signal: AbortSignal): Promise<void> {
    for (let delay = FIRST_DELAY_MS; !this.#open; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
      signal.throwIfAborted();
      try {
        await unlessAborted(this.#probe(), signal);
      } catch {
        signal.throwIfAborted();
        await sleep(delay, undefined, { signal });
      }
    }
  }

  #probe(): Promise<void> {
    this.#probing ??= this.#runProbe().finally(() => {
      this.#probing = null;
    });
    return this.#probing;
  }

  async #runProbe(): Promise<void> {
    const doubts = this.#doubts;
    const silence = setTimeout(() => {
      this.#wasDown = true;
    }, SILENCE_MS);
    try {
      await this.#options.probe();
    } catch (cause) {
      const error = asQueueError(cause);
      this.#open = false;
      this.#failure = { error, at: performance.now() };
      this.#wasDown = true;
      this.#options.onFailure?.(error);
      throw error;
    } finally {
      clearTimeout(silence);
    }
    this.#failure = null;
    // What failed meanwhile is not answered by this probe.
    if (doubts === this.#doubts) this.#open = true;
    if (!this.#wasDown) return;
    this.#wasDown = false;
    this.#options.onRecovered?.();
  }
}

/** Settles as the work does, or rejects once the signal aborts. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
