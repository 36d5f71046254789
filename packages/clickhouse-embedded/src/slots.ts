/** Lets a bounded number of statements run at once, first come, first served. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves with the function that gives the slot back, to be called once. An aborted signal gives up the place in line. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else {
      await new Promise<void>((resolve, reject) => {
        const granted = () => {
          signal.removeEventListener("abort", aborted);
          resolve();
        };
        const aborted = () => {
          this.#waiting.splice(this.#waiting.indexOf(granted), 1);
          reject(signal.reason);
        };
        this.#waiting.push(granted);
        signal.addEventListener("abort", aborted, { once: true });
      });
    }
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }
}
