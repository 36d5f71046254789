/** About what an entry takes besides its name, as V8 keeps strings and maps. */
const BYTES_PER_ENTRY = 100;

/** Longer names are not kept: no price table has them, and whoever sends one can send many. */
export const LONGEST_KEPT_NAME = 512;

/**
 * Values by name, for names that come from outside. What it holds is bounded in bytes: when half of that is full, those
 * that were not asked for since it was full the last time are forgotten.
 */
export class NameCache<T> {
  readonly #halfBytes: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  #youngBytes = 0;
  #oldBytes = 0;

  /** @param maxBytes that names and their entries may take, about; values are not counted: they are shared */
  constructor(maxBytes: number) {
    this.#halfBytes = maxBytes / 2;
  }

  /** About how much it holds. */
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes;
  }

  /** What is known of the name; else what `find` says, which is then known if the name is not too long. */
  get(name: string, find: () => T): T {
    const known = this.#young.get(name);
    if (known !== undefined) return known;
    const before = this.#old.get(name);
    const found = before ?? find();
    if (name.length <= LONGEST_KEPT_NAME) this.#keep(name, found);
    return found;
  }

  #keep(name: string, value: T): void {
    const bytes = BYTES_PER_ENTRY + 2 * name.length;
    if (this.#youngBytes + bytes > this.#halfBytes) {
      this.#old = this.#young;
      this.#oldBytes = this.#youngBytes;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(name, value);
    this.#youngBytes += bytes;
  }
}
