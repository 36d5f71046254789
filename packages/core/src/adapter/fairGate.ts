import { EventSourcingError } from "../errors/eventSourcingError.js";
import { abortedError, throwIfAborted } from "./throwIfAborted.js";

export interface FairGateOptions {
  /** What passes the gate, in the plural, for errors: `reads`. */
  readonly name: string;
  /** How many run at once. */
  readonly concurrency: number;
  /** The most that those running take together, in the unit of their amounts, such as bytes. @default no limit */
  readonly capacity?: number;
  /** The part of `concurrency` and `capacity` that one owner can have; one run always fits. @default 1, all of it */
  readonly share?: number;
  /** How many of one owner wait; more are refused. @default no limit */
  readonly mostWaiting?: number;
  /** How long one waits before it is refused. @default no limit */
  readonly mostWaitMs?: number;
}

export interface FairGateRun {
  /** Of the capacity. More than an owner's share counts as the share. @default 0 */
  readonly amount?: number;
  /** Gives up the place in line. What runs already has to look at the signal itself. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  readonly owner: string;
  readonly amount: number;
  readonly start: () => void;
}

interface Running {
  count: number;
  amount: number;
}

/**
 * Lets a bounded number of runs happen at once, and has owners take turns: an owner with a thousand runs in line delays
 * another's first by what runs now, and no more. Runs of one owner start in the order they came.
 */
export class FairGate {
  readonly #name: string;
  readonly #most: Running;
  readonly #share: Running;
  readonly #mostWaiting: number;
  readonly #mostWaitMs: number | undefined;
  readonly #all: Running = { count: 0, amount: 0 };
  readonly #running = new Map<string, Running>();
  readonly #lines = new Map<string, Waiting[]>();
  /** When each owner had its last turn, by the number of turns before. */
  readonly #lastTurns = new Map<string, number>();
  #turns = 0;

  constructor({
    name,
    concurrency,
    capacity = Number.POSITIVE_INFINITY,
    share = 1,
    mostWaiting = Number.POSITIVE_INFINITY,
    mostWaitMs,
  }: FairGateOptions) {
    this.#name = name;
    this.#most = { count: concurrency, amount: capacity };
    this.#share = { count: Math.max(1, Math.floor(concurrency * share)), amount: capacity * share };
    this.#mostWaiting = mostWaiting;
    this.#mostWaitMs = mostWaitMs;
  }

  /**
   * Runs `work` when it is its turn.
   *
   * @throws EventSourcingError `STORE_OVERLOADED` if too many of this owner wait, or it waited too long; `ABORTED`
   */
  async run<T>(owner: string, work: () => Promise<T>, { amount = 0, signal }: FairGateRun = {}): Promise<T> {
    throwIfAborted(signal);
    const taken = Math.min(amount, this.#share.amount);
    await this.#enter(owner, taken, signal);
    try {
      throwIfAborted(signal);
      return await work();
    } finally {
      this.#leave(owner, taken);
    }
  }

  #enter(owner: string, amount: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let line = this.#lines.get(owner);
      if ((line?.length ?? 0) >= this.#mostWaiting) {
        reject(this.#full(owner, `${this.#mostWaiting} ${this.#name} of this tenant wait already`));
        return;
      }
      let timer: NodeJS.Timeout | undefined;
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const waiting: Waiting = {
        owner,
        amount,
        start: () => {
          settle();
          resolve();
        },
      };
      const giveUp = (error: EventSourcingError) => {
        settle();
        this.#remove(waiting);
        reject(error);
      };
      const onAbort = () => giveUp(abortedError(signal));
      signal?.addEventListener("abort", onAbort, { once: true });
      if (this.#mostWaitMs !== undefined) {
        const text = `none of the ${this.#name} before it ended within ${this.#mostWaitMs} ms`;
        timer = setTimeout(() => giveUp(this.#full(owner, text)), this.#mostWaitMs);
        timer.unref();
      }
      if (line === undefined) {
        line = [];
        this.#lines.set(owner, line);
      }
      line.push(waiting);
      this.#startNext();
    });
  }

  #leave(owner: string, amount: number): void {
    const own = this.#running.get(owner);
    if (own !== undefined) {
      own.count -= 1;
      own.amount -= amount;
      if (own.count === 0) this.#running.delete(owner);
    }
    this.#all.count -= 1;
    this.#all.amount -= amount;
    this.#forget(owner);
    this.#startNext();
  }

  #startNext(): void {
    for (;;) {
      const next = this.#next();
      // Later ones do not overtake it, however little they take: a large run would never start.
      if (next === undefined || !fits(this.#all, this.#most, next.amount)) return;
      const { owner, amount } = next;
      this.#takeFromLine(next);
      const own = this.#running.get(owner) ?? { count: 0, amount: 0 };
      this.#running.set(owner, { count: own.count + 1, amount: own.amount + amount });
      this.#all.count += 1;
      this.#all.amount += amount;
      this.#turns += 1;
      this.#lastTurns.set(owner, this.#turns);
      next.start();
    }
  }

  /** The first in line of the owner whose last turn is the longest ago, of those that have something of their share left. */
  #next(): Waiting | undefined {
    let found: Waiting | undefined;
    let turn = Number.POSITIVE_INFINITY;
    for (const [owner, [first]] of this.#lines) {
      const last = this.#lastTurns.get(owner) ?? 0;
      if (first === undefined || last >= turn) continue;
      const own = this.#running.get(owner) ?? { count: 0, amount: 0 };
      if (!fits(own, this.#share, first.amount)) continue;
      found = first;
      turn = last;
    }
    return found;
  }

  #takeFromLine(waiting: Waiting): boolean {
    const line = this.#lines.get(waiting.owner);
    const index = line?.indexOf(waiting) ?? -1;
    if (line === undefined || index === -1) return false;
    line.splice(index, 1);
    if (line.length === 0) this.#lines.delete(waiting.owner);
    return true;
  }

  #remove(waiting: Waiting): void {
    if (!this.#takeFromLine(waiting)) return;
    this.#forget(waiting.owner);
    // It may have been what the others waited for.
    this.#startNext();
  }

  /** Of an owner of whom nothing runs or waits, nothing is kept. */
  #forget(owner: string): void {
    if (!this.#running.has(owner) && !this.#lines.has(owner)) this.#lastTurns.delete(owner);
  }

  #full(owner: string, reason: string): EventSourcingError {
    return new EventSourcingError("STORE_OVERLOADED", `There is no room for more ${this.#name}: ${reason}.`, {
      fields: { owner },
    });
  }
}

function fits(running: Running, most: Running, amount: number): boolean {
  return running.count < most.count && (running.count === 0 || running.amount + amount <= most.amount);
}
