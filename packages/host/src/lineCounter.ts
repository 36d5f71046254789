/** How long equal lines are counted after the first, and after the first sum. Milliseconds. */
const FIRST_WINDOW_MS = 20_000;
const NEXT_WINDOWS_MS = 60_000;
/** Different errors under one message that are written as they come; further ones are counted together. */
const MAX_ERRORS = 4;
/** Messages counted at once; beyond it lines are written as they come. */
const MAX_COUNTED = 500;

/** Writes the line; `repeated` is how many equal ones it stands for besides itself. */
export type WriteLine = (repeated: number) => void;

interface Counted {
  repeated: number;
  write: WriteLine;
  timer: NodeJS.Timeout;
}

/**
 * Counts equal lines instead of repeating them: the first is written at once, those that follow as one line with their
 * number, after 20 s and then each minute, for as long as they come. So a state that lasts costs a few lines, whatever calls run
 * into it.
 */
export class LineCounter {
  readonly #counted = new Map<string, Counted>();
  /** How many different errors are counted under each message. */
  readonly #errors = new Map<string, number>();

  /**
   * @param message what is the same in all lines of one place in the code
   * @param error what went wrong; numbers and ids in it are not looked at
   */
  take(message: string, error: string, write: WriteLine): void {
    let key = `${message}\n${withoutNumbers(error)}`;
    if (!this.#counted.has(key) && (this.#errors.get(message) ?? 0) >= MAX_ERRORS) key = `${message}\n…`;
    const counted = this.#counted.get(key);
    if (counted !== undefined) {
      counted.repeated++;
      counted.write = write;
      return;
    }
    if (this.#counted.size < MAX_COUNTED) {
      this.#errors.set(message, (this.#errors.get(message) ?? 0) + 1);
      this.#counted.set(key, { repeated: 0, write, timer: this.#later(message, key, FIRST_WINDOW_MS) });
    }
    write(0);
  }

  /** Writes what is counted and not yet written. */
  flush(): void {
    for (const counted of this.#counted.values()) {
      clearTimeout(counted.timer);
      if (counted.repeated > 0) counted.write(counted.repeated - 1);
    }
    this.#counted.clear();
    this.#errors.clear();
  }

  #later(message: string, key: string, ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#sum(message, key), ms).unref();
  }

  #sum(message: string, key: string): void {
    const counted = this.#counted.get(key);
    if (counted === undefined) return;
    const { repeated, write } = counted;
    if (repeated === 0) {
      this.#counted.delete(key);
      const left = (this.#errors.get(message) ?? 1) - 1;
      if (left === 0) this.#errors.delete(message);
      else this.#errors.set(message, left);
      return;
    }
    counted.repeated = 0;
    counted.timer = this.#later(message, key, NEXT_WINDOWS_MS);
    write(repeated - 1);
  }
}

/** Ids, counts and times differ between lines about one state. */
function withoutNumbers(text: string): string {
  return text.slice(0, 500).replace(/[0-9a-f]*\d[0-9a-f]*(?:[-:.][0-9a-f]*\d[0-9a-f]*)*/gi, "#");
}
