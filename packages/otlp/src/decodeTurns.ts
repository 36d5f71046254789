/** How long decoding may hold up everything else at a time, milliseconds. */
const SLICE_MS = 5;

/** Work in steps, each far shorter than a slice. */
export type Steps<T> = Generator<void, T, void>;

interface Job {
  /** Makes one step; whether it was the last. */
  readonly step: () => boolean;
}

/** Does all steps at once. */
export function runSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Decodes many requests without holding up the event loop: a slice of a few milliseconds per turn of the loop, then
 * whatever else there is to do. Tenants take turns step by step, the requests of one are decoded in their order. What fits
 * into the slice of the turn it comes in is decoded at once.
 */
export class DecodeTurns {
  /** The first is the next to take its turn. */
  readonly #jobs = new Map<string, Job[]>();
  /** Of the slice of this turn, by `performance.now()`; undefined in a turn that decoded nothing yet. */
  #sliceEnd: number | undefined;

  run<T>(tenant: string, steps: Steps<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const step = (): boolean => {
        try {
          const made = steps.next();
          if (made.done === true) resolve(made.value);
          return made.done === true;
        } catch (error) {
          reject(error);
          return true;
        }
      };
      const jobs = this.#jobs.get(tenant);
      if (jobs === undefined) this.#jobs.set(tenant, [{ step }]);
      else jobs.push({ step });
      if (this.#sliceEnd === undefined) this.#beginSlice();
      this.#work();
    });
  }

  #beginSlice(): void {
    this.#sliceEnd = performance.now() + SLICE_MS;
    setImmediate(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    this.#sliceEnd = undefined;
    if (this.#jobs.size === 0) return;
    this.#beginSlice();
    this.#work();
  };

  #work(): void {
    while (this.#jobs.size > 0 && performance.now() < (this.#sliceEnd ?? 0)) {
      const [tenant, jobs] = this.#jobs.entries().next().value as [string, Job[]];
      this.#jobs.delete(tenant);
      if (jobs[0]?.step() === true) jobs.shift();
      if (jobs.length > 0) this.#jobs.set(tenant, jobs);
    }
  }
}
