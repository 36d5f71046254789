/** A bounded number of places, given in the order of asking. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<Waiting>();

  constructor(size: number) {
    this.#free = size;
  }

  /**
   * Does the work once there are `count` places for it, of which there have to be so many in all. Not at all if `abandoned`
   * aborts before.
   */
  async use<T>(count: number, work: () => Promise<T>, abandoned: AbortSignal): Promise<T> {
    if (this.#waiting.size === 0 && this.#free >= count) this.#free -= count;
    else await this.#wait(count, abandoned);
    try {
      return await work();
    } finally {
      this.#free += count;
      this.#admit();
    }
  }

  /** The first in line is never overtaken, or one that needs many would wait for good. */
  #admit(): void {
    for (const first of this.#waiting) {
      if (first.count > this.#free) return;
      this.#free -= first.count;
      first.enter();
    }
  }

  #wait(count: number, abandoned: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        count,
        enter: () => {
          this.#waiting.delete(waiting);
          abandoned.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = () => {
        this.#waiting.delete(waiting);
        reject(abandoned.reason);
        this.#admit();
      };
      this.#waiting.add(waiting);
      abandoned.addEventListener("abort", leave, { once: true });
    });
  }
}

interface Waiting {
  readonly count: number;
  /** The places are taken for it already. */
  readonly enter: () => void;
}
