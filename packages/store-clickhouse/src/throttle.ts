/** How much a store may get at once. */
export interface ThrottleState {
  /** Round trips under way at once, from 1. */
  readonly concurrency: number;
  /** How long nothing is sent from now, milliseconds; 0 where it goes on. */
  readonly pauseMs: number;
  /** What it was slowed down for; undefined when it gets faster. */
  readonly error?: unknown;
}

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

/**
 * The pace of round trips, as TCP finds it: half as many at once with every refusal, one more for each round that
 * succeeded, and a pause that doubles while refusals go on.
 */
export class Throttle {
  readonly #most: number;
  readonly #onChange: ((state: ThrottleState) => void) | undefined;
  #allowed: number;
  #slowedAt = Number.NEGATIVE_INFINITY;
  #refusals = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(most: number, onChange?: (state: ThrottleState) => void) {
    this.#most = most;
    this.#allowed = most;
    this.#onChange = onChange;
  }

  get concurrency(): number {
    return Math.max(1, Math.floor(this.#allowed));
  }

  /** Resolves when a round trip may begin, in the order of asking. It has to `leave`. */
  async enter(): Promise<void> {
    if (this.#waiting.length === 0 && this.#mayEnter()) {
      this.#inside++;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#admit();
    });
  }

  leave(): void {
    this.#inside--;
    this.#admit();
  }

  succeeded(): void {
    this.#refusals = 0;
    if (this.#allowed >= this.#most) return;
    const before = this.concurrency;
    this.#allowed = Math.min(this.#most, this.#allowed + 1 / this.#allowed);
    if (this.concurrency !== before) this.#onChange?.({ concurrency: this.concurrency, pauseMs: 0 });
  }

  /** @param startedAt of the round trip, by `performance.now()`: those of one round slow down once */
  refused(startedAt: number, { pause, error }: { readonly pause: boolean; readonly error: unknown }): void {
    if (startedAt < this.#slowedAt) return;
    const now = performance.now();
    this.#slowedAt = now;
    this.#allowed = Math.max(1, this.#allowed / 2);
    let pauseMs = 0;
    if (pause) {
      this.#refusals++;
      pauseMs = delayAfter(this.#refusals);
      this.#pausedUntil = now + pauseMs;
    }
    this.#onChange?.({ concurrency: this.concurrency, pauseMs, error });
  }

  /** Unslowed it bounds nothing: who asks has bounds of its own. */
  #mayEnter(): boolean {
    if (this.#pausedUntil > performance.now()) return false;
    return this.#allowed >= this.#most || this.#inside < this.concurrency;
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#mayEnter()) {
      this.#inside++;
      this.#waiting.shift()?.();
    }
    const pauseMs = this.#pausedUntil - performance.now();
    if (this.#waiting.length === 0 || pauseMs <= 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#admit(), Math.ceil(pauseMs));
  }
}

/** Milliseconds before what was refused so often is tried again: growing, and spread. */
export function delayAfter(refusals: number): number {
  const longest = Math.min(FIRST_DELAY_MS * 2 ** (refusals - 1), LONGEST_DELAY_MS);
  return longest * (0.5 + Math.random() / 2);
}
