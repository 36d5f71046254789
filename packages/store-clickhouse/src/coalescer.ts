import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { EventSourcingError, isEventSourcingError } from "@es/core";
import { delayAfter, Throttle, type ThrottleState } from "./throttle.js";
import { Turns } from "./turns.js";

/** What became of one item of a batch. */
export type Settled<TResult> =
  | { readonly ok: true; readonly value: TResult }
  | { readonly ok: false; readonly error: unknown };

export interface CoalescerLimits {
  /** Items of one batch. */
  readonly maxItems: number;
  /** Bytes of one batch, by `sizeOf`. A larger item makes a batch by itself. */
  readonly maxBytes: number;
  /** Batches under way at once. */
  readonly maxConcurrent: number;
  /**
   * How long an item waits for company while other batches are under way, milliseconds. Where round trips take long it waits
   * for as long as the last one took, at most 250 ms: small batches would only make all of them take longer.
   */
  readonly lingerMs: number;
  /** Items that wait; more are refused with `STORE_OVERLOADED`. */
  readonly maxQueuedItems: number;
  /** Bytes that wait; more are refused with `STORE_OVERLOADED`. */
  readonly maxQueuedBytes: number;
  /**
   * What has waited longer is refused with `STORE_OVERLOADED` when a round trip ends, milliseconds: behind a store that
   * hangs, calls fail one after the other's time-out, and nobody waits for the last of them any more.
   */
  readonly maxWaitMs: number;
}

export interface CoalescerOptions<TItem, TResult> extends CoalescerLimits {
  /** Names it in error messages, such as `EventStoreClickHouse reads`. */
  readonly name: string;
  readonly sizeOf: (item: TItem) => number;
  /** Whose an item is, the same for all of a call: owners take turns, however many calls one has. @default one owner */
  readonly ownerOf?: (item: TItem) => string;
  /** One round trip. Gives one outcome per item, in their order; a throw is an outcome of all. */
  readonly run: (items: readonly TItem[]) => Promise<readonly Settled<TResult>[]>;
  /** Whether a throw of `run` may be the fault of one item: then halves are tried, down to single items. */
  readonly mayBeFaultOfOne: (error: unknown) => boolean;
  /**
   * Whether a throw of `run` says that the store has too much to do: then it gets less at once, and the same items again.
   * `run` has to be safe to repeat. @default never
   */
  readonly isOverload?: (error: unknown) => boolean;
  /** Told of every change of pace. */
  readonly onThrottle?: (state: ThrottleState) => void;
}

interface Waiting<TItem, TResult> {
  readonly item: TItem;
  readonly size: number;
  readonly owner: string;
  /** When it was submitted, by `performance.now()`. */
  readonly since: number;
  readonly settle: (outcome: Settled<TResult>) => void;
}

interface Queued {
  readonly queuedItems: number;
  readonly queuedBytes: number;
}

type Tried<TResult> =
  | { readonly outcomes: readonly Settled<TResult>[] }
  | { readonly error: unknown; readonly overload: boolean };

const SETTLED_PER_TURN = 32;
const LONGEST_OWN_LINGER_MS = 250;

/**
 * Makes few round trips of many calls. While nothing is under way a batch leaves at the end of the current turn of the
 * event loop; otherwise when it is full, when the last round trip under way ends, or after `lingerMs`.
 *
 * Owners take turns, item by item, and so do the calls of one owner: a call of thousands does not hold up a call of one, nor
 * an owner of thousands of calls another. Beyond `maxConcurrent` one more round trip is kept for owners that have none
 * under way, and an owner with nothing waiting gets in although the queue is full, up to twice its limits.
 *
 * A store that says it is overloaded gets fewer round trips at once, after a pause, and the same batch again until an item of
 * it has waited for `maxWaitMs`. What is submitted meanwhile fills the queue, and past its bounds is refused.
 */
export class Coalescer<TItem, TResult> {
  readonly #options: CoalescerOptions<TItem, TResult>;
  readonly #turns = new Turns<Waiting<TItem, TResult>>();
  readonly #throttle: Throttle;
  #underWay = 0;
  /** Items under way by owner; only owners that have some. */
  readonly #underWayOf = new Map<string, number>();
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Something has waited for `lingerMs`, but no further round trip may be made. */
  #isDue = false;
  #lastRoundTripMs = 0;

  constructor(options: CoalescerOptions<TItem, TResult>) {
    this.#options = options;
    this.#throttle = new Throttle(options.maxConcurrent, options.onThrottle);
  }

  /** Rejects with what `run` threw or said of the item, or with `STORE_OVERLOADED`. */
  async submit(item: TItem): Promise<TResult> {
    const [outcome] = await this.submitAll([item]);
    if (outcome?.ok !== true) throw outcome?.error;
    return outcome.value;
  }

  /** All or none are taken; rejects with `STORE_OVERLOADED` for none. One outcome per item, in their order. */
  submitAll(items: readonly TItem[]): Promise<readonly Settled<TResult>[]> {
    if (items.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const outcomes: Settled<TResult>[] = new Array(items.length);
      let missing = items.length;
      let bytes = 0;
      const since = performance.now();
      const owner = this.#options.ownerOf?.(items[0] as TItem) ?? "";
      const waiting = items.map((item, i) => {
        const size = this.#options.sizeOf(item);
        bytes += size;
        return {
          item,
          size,
          owner,
          since,
          settle: (outcome: Settled<TResult>) => {
            if (outcomes[i] !== undefined) return;
            outcomes[i] = outcome;
            if (--missing === 0) resolve(outcomes);
          },
        };
      });
      if (!this.#admits(owner, items.length, bytes)) {
        reject(this.#overloaded());
        return;
      }
      this.#turns.push(owner, waiting, bytes);
      this.#schedule();
    });
  }

  /** A call larger than the queue still gets in when nothing waits, or it never would. */
  #admits(owner: string, items: number, bytes: number): boolean {
    const { queuedItems, queuedBytes } = this.#turns;
    if (queuedItems === 0) return true;
    const times = this.#turns.has(owner) ? 1 : 2;
    return (
      queuedItems + items <= this.#options.maxQueuedItems * times &&
      queuedBytes + bytes <= this.#options.maxQueuedBytes * times
    );
  }

  #overloaded({ queuedItems, queuedBytes }: Queued = this.#turns): EventSourcingError {
    return new EventSourcingError(
      "STORE_OVERLOADED",
      `${this.#options.name}: ${queuedItems} requests of ${queuedBytes} bytes wait already. ` +
        "Slow down and try again, or raise the store's queue limits.",
      { fields: { queuedItems, queuedBytes } },
    );
  }

  #schedule(): void {
    const { maxConcurrent, maxItems, maxBytes, lingerMs } = this.#options;
    const { queuedItems, queuedBytes } = this.#turns;
    if (queuedItems === 0) return;
    const full = queuedItems >= maxItems || queuedBytes >= maxBytes;
    const isExtra = this.#underWay >= maxConcurrent;
    if (full || this.#isDue || this.#underWay === 0 || isExtra || lingerMs === 0) {
      // The end of the turn, not now: calls of the same turn belong together.
      if (this.#mayLeave()) this.#immediate ??= setImmediate(this.#flush);
    }
    if (this.#isDue || this.#immediate !== undefined) return;
    const ownLingerMs = Math.min(this.#lastRoundTripMs, LONGEST_OWN_LINGER_MS);
    this.#timer ??= setTimeout(this.#lingered, Math.max(lingerMs, ownLingerMs));
  }

  readonly #lingered = (): void => {
    this.#timer = undefined;
    this.#isDue = true;
    this.#schedule();
  };

  /** Whether something waits that a round trip may be made of now. */
  #mayLeave(): boolean {
    if (this.#turns.queuedItems === 0) return false;
    const { maxConcurrent } = this.#options;
    if (this.#underWay !== maxConcurrent) return this.#underWay < maxConcurrent;
    for (const owner of this.#turns.owners()) if (!this.#underWayOf.has(owner)) return true;
    return false;
  }

  readonly #flush = (): void => {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
    this.#isDue = false;
    if (!this.#mayLeave()) return;
    this.#refuseWhatWaitedTooLong();
    if (!this.#mayLeave()) return;
    const { maxConcurrent, maxItems, maxBytes } = this.#options;
    const mayTake = (owner: string) => this.#underWay < maxConcurrent || !this.#underWayOf.has(owner);
    const batch = this.#turns.take(maxItems, maxBytes, mayTake);
    this.#count(batch, 1);
    const startedAt = performance.now();
    const settled = this.#settle(batch).catch((error: unknown) => {
      // One of the options threw. Nobody may wait for an outcome that never comes.
      for (const { settle } of batch) settle({ ok: false, error });
    });
    void settled.then(() => {
      this.#lastRoundTripMs = performance.now() - startedAt;
      this.#count(batch, -1);
      this.#schedule();
    });
    this.#schedule();
  };

  #count(batch: readonly Waiting<TItem, TResult>[], step: 1 | -1): void {
    this.#underWay += step;
    for (const { owner } of batch) {
      const count = (this.#underWayOf.get(owner) ?? 0) + step;
      if (count === 0) this.#underWayOf.delete(owner);
      else this.#underWayOf.set(owner, count);
    }
  }

  #refuseWhatWaitedTooLong(): void {
    const { queuedItems, queuedBytes } = this.#turns;
    const removed = this.#turns.removeOlderThan(performance.now() - this.#options.maxWaitMs);
    if (removed.length === 0) return;
    const error = this.#overloaded({ queuedItems, queuedBytes });
    for (const { settle } of removed) settle({ ok: false, error });
  }

  /** Gives every item its outcome. Rejects only with what an option other than `run` throws. */
  async #settle(batch: readonly Waiting<TItem, TResult>[]): Promise<void> {
    const oldest = batch.reduce((least, { since }) => Math.min(least, since), Number.POSITIVE_INFINITY);
    const until = oldest + this.#options.maxWaitMs;
    let outcomes: readonly Settled<TResult>[];
    for (let refusals = 1; ; refusals++) {
      const tried = await this.#try(batch);
      if ("outcomes" in tried) {
        outcomes = tried.outcomes;
        break;
      }
      const { error, overload } = tried;
      if (batch.length > 1 && this.#options.mayBeFaultOfOne(error)) {
        const middle = batch.length >> 1;
        await this.#settle(batch.slice(0, middle));
        await this.#settle(batch.slice(middle));
        return;
      }
      const delayMs = delayAfter(refusals);
      if (!overload || performance.now() + delayMs > until) {
        const told = refusals > 1 ? this.#stillRefused(refusals, error) : error;
        for (const { settle } of batch) settle({ ok: false, error: told });
        return;
      }
      await sleep(delayMs);
    }
    for (const [i, { settle }] of batch.entries()) {
      settle(
        outcomes[i] ?? { ok: false, error: new Error(`${this.#options.name}: no outcome for item ${i}`) },
      );
      // Hundreds of callers that go on in one turn would hold up everything else.
      if (i % SETTLED_PER_TURN === SETTLED_PER_TURN - 1) await nextTurn();
    }
  }

  /** One round trip, in its turn. */
  async #try(batch: readonly Waiting<TItem, TResult>[]): Promise<Tried<TResult>> {
    const { run, mayBeFaultOfOne, isOverload } = this.#options;
    await this.#throttle.enter();
    const startedAt = performance.now();
    try {
      const outcomes = await run(batch.map(({ item }) => item));
      this.#throttle.succeeded();
      return { outcomes };
    } catch (error) {
      const overload = isOverload?.(error) === true;
      // Where one item or the sum of them may be too large, others can go on.
      if (overload) this.#throttle.refused(startedAt, { pause: !mayBeFaultOfOne(error), error });
      return { error, overload };
    } finally {
      this.#throttle.leave();
    }
  }

  #stillRefused(refusals: number, reason: unknown): EventSourcingError {
    const said = reason instanceof Error ? reason.message : String(reason);
    return new EventSourcingError(
      "STORE_OVERLOADED",
      `${this.#options.name}: tried ${refusals} times within ${this.#options.maxWaitMs} ms; the last time ${said}`,
      { cause: reason, fields: { ...(isEventSourcingError(reason) ? reason.fields : {}), refusals } },
    );
  }
}
