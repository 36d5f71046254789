/** Inserts, and all other statements. */
export type SlotKind = "insert" | "other";

interface Waiting {
  readonly kind: SlotKind;
  readonly granted: () => void;
}

/**
 * Lets a bounded number of statements run at once, first come, first served. Where there are several slots, one is for
 * inserts alone: however many reads there are, an insert waits for other inserts at most.
 */
export class Slots {
  #free: number;
  /** Of the free slots, those that are not for inserts alone. */
  #freeForOthers: number;
  readonly #waiting: Waiting[] = [];

  constructor(count: number) {
    this.#free = count;
    this.#freeForOthers = Math.max(1, count - 1);
  }

  /** Resolves with the function that gives the slot back, to be called once. An aborted signal gives up the place in line. */
  async take(signal: AbortSignal, kind: SlotKind): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#isFree(kind)) this.#count(kind, -1);
    else {
      await new Promise<void>((resolve, reject) => {
        const waiting: Waiting = {
          kind,
          granted: () => {
            signal.removeEventListener("abort", aborted);
            resolve();
          },
        };
        const aborted = () => {
          this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
          reject(signal.reason);
        };
        this.#waiting.push(waiting);
        signal.addEventListener("abort", aborted, { once: true });
      });
    }
    return () => {
      this.#count(kind, 1);
      const index = this.#waiting.findIndex((waiting) => this.#isFree(waiting.kind));
      const [next] = index === -1 ? [] : this.#waiting.splice(index, 1);
      if (next === undefined) return;
      this.#count(next.kind, -1);
      next.granted();
    };
  }

  #isFree(kind: SlotKind): boolean {
    return this.#free > 0 && (kind === "insert" || this.#freeForOthers > 0);
  }

  #count(kind: SlotKind, by: number): void {
    this.#free += by;
    if (kind === "other") this.#freeForOthers += by;
  }
}
