/** A bounded number of places, given in the order of asking. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(size: number) {
    this.#free = size;
  }

  /** Does the work once there is a place. Not at all if `abandoned` aborts before. */
  async use<T>(work: () => Promise<T>, abandoned: AbortSignal): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(abandoned);
    try {
      return await work();
    } finally {
      const next = this.#waiting.values().next();
      if (next.done === true) this.#free++;
      else next.value();
    }
  }

  /** The place is handed over by whoever leaves. */
  #wait(abandoned: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        this.#waiting.delete(enter);
        abandoned.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.delete(enter);
        reject(abandoned.reason);
      };
      this.#waiting.add(enter);
      abandoned.addEventListener("abort", leave, { once: true });
    });
  }
}
