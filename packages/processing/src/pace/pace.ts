import { finiteNumber } from "@es/core/adapter";
import { rest } from "./rest.js";

/** A step is at most this part of a second's worth: even enough for who serves it, few enough timers for who makes it. */
const STEP_SECONDS = 0.1;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Spreads work evenly over time. What was not used in one second is not made up for in the next. */
export class Pace {
  /** Most that should go in one step: a tenth of a second's worth, at least one. */
  readonly step: number;
  readonly #ratePerSecond: number;
  #nextAt = Number.NEGATIVE_INFINITY;

  /** @throws EventSourcingError `INVALID_OPTIONS` unless the rate is a number above 0 */
  constructor(ratePerSecond: number) {
    this.#ratePerSecond = finiteNumber("ratePerSecond", ratePerSecond, { aboveZero: true });
    this.step = Math.max(1, Math.floor(ratePerSecond * STEP_SECONDS));
  }

  /** Resolves when `count` more may go, or as soon as the signal aborts: it does not reject. */
  async next(count: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const waitMs = this.#nextAt - performance.now();
      if (waitMs <= 0 || signal?.aborted === true) break;
      await rest(Math.min(waitMs, MAX_TIMER_MS), signal);
    }
    this.#nextAt = Math.max(this.#nextAt, performance.now()) + (count / this.#ratePerSecond) * 1_000;
  }
}
