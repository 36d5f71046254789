/** Lets at most `max` starts through per fixed window of `durationMs`, the first of which opens with a start. */
export class StartLimiter {
  readonly #max: number;
  readonly #durationMs: number;
  #windowEndsAt = 0;
  #started = 0;

  constructor(max: number, durationMs: number) {
    this.#max = max;
    this.#durationMs = durationMs;
  }

  /** Milliseconds until the next start may happen; 0 takes it now. */
  take(nowMs: number): number {
    if (nowMs >= this.#windowEndsAt) {
      this.#windowEndsAt = nowMs + this.#durationMs;
      this.#started = 0;
    }
    if (this.#started >= this.#max) return this.#windowEndsAt - nowMs;
    this.#started++;
    return 0;
  }
}
