export interface ClosersOptions {
  /** Whether everything is closed at once, for parts that do not need each other. @default false, last added first */
  readonly atOnce?: boolean;
}

/**
 * A stack of what a process has opened. `close` closes the last opened part first. A part that cannot be closed does not keep
 * the others open.
 */
export class Closers {
  readonly #closers: (() => unknown)[] = [];
  readonly #atOnce: boolean;

  constructor({ atOnce = false }: ClosersOptions = {}) {
    this.#atOnce = atOnce;
  }

  /** Adds how a part is closed. To be called as soon as the part is open. */
  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  /**
   * Closes everything that was added since the last call.
   *
   * @throws the error of the part that could not be closed; an `AggregateError` if there are several
   */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    const closeOne = async (close: () => unknown) => {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    };
    const closers = this.#closers.splice(0).reverse();
    if (this.#atOnce) await Promise.all(closers.map(closeOne));
    else for (const close of closers) await closeOne(close);
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} parts could not be closed.`);
  }
}
