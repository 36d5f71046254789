import { setImmediate as nextTurn } from "node:timers/promises";
import { EventSourcingError } from "@es/core";

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
  /** How long an item waits for company while other batches are under way, milliseconds. */
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
  /** One round trip. Gives one outcome per item, in their order; a throw is an outcome of all. */
  readonly run: (items: readonly TItem[]) => Promise<readonly Settled<TResult>[]>;
  /** Whether a throw of `run` may be the fault of one item: then halves are tried, down to single items. */
  readonly mayBeFaultOfOne: (error: unknown) => boolean;
}

interface Waiting<TItem, TResult> {
  readonly item: TItem;
  readonly size: number;
  readonly settle: (outcome: Settled<TResult>) => void;
}

const SETTLED_PER_TURN = 32;

/** The items of one call that are not yet under way. */
interface Lane<TItem, TResult> {
  readonly waiting: readonly Waiting<TItem, TResult>[];
  /** By `performance.now()`. */
  readonly since: number;
  next: number;
}

/**
 * Makes few round trips of many calls. While nothing is under way a batch leaves at the end of the current turn of the
 * event loop; otherwise when it is full, when a round trip ends, or after `lingerMs`. Calls take turns, item by item, so
 * that a call of thousands does not hold up a call of one.
 */
export class Coalescer<TItem, TResult> {
  readonly #options: CoalescerOptions<TItem, TResult>;
  /** Calls with waiting items; the first is the next to take its turn. */
  #lanes: Lane<TItem, TResult>[] = [];
  #queuedItems = 0;
  #queuedBytes = 0;
  #underWay = 0;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CoalescerOptions<TItem, TResult>) {
    this.#options = options;
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
      const waiting = items.map((item, i) => {
        const size = this.#options.sizeOf(item);
        bytes += size;
        return {
          item,
          size,
          settle: (outcome: Settled<TResult>) => {
            outcomes[i] = outcome;
            if (--missing === 0) resolve(outcomes);
          },
        };
      });
      if (!this.#admits(items.length, bytes)) {
        reject(this.#overloaded());
        return;
      }
      this.#lanes.push({ waiting, since: performance.now(), next: 0 });
      this.#queuedItems += items.length;
      this.#queuedBytes += bytes;
      this.#schedule();
    });
  }

  /** A call larger than the queue still gets in when nothing waits, or it never would. */
  #admits(items: number, bytes: number): boolean {
    const { maxQueuedItems, maxQueuedBytes } = this.#options;
    return (
      this.#queuedItems === 0 ||
      (this.#queuedItems + items <= maxQueuedItems && this.#queuedBytes + bytes <= maxQueuedBytes)
    );
  }

  #overloaded(): EventSourcingError {
    return new EventSourcingError(
      "STORE_OVERLOADED",
      `${this.#options.name}: ${this.#queuedItems} requests of ${this.#queuedBytes} bytes wait already. ` +
        "Slow down and try again, or raise the store's queue limits.",
      { fields: { queuedItems: this.#queuedItems, queuedBytes: this.#queuedBytes } },
    );
  }

  #schedule(): void {
    const { maxConcurrent, maxItems, maxBytes, lingerMs } = this.#options;
    if (this.#queuedItems === 0 || this.#underWay >= maxConcurrent) return;
    const full = this.#queuedItems >= maxItems || this.#queuedBytes >= maxBytes;
    if (full || this.#underWay === 0 || lingerMs === 0) {
      // The end of the turn, not now: calls of the same turn belong together.
      this.#immediate ??= setImmediate(this.#flush);
    } else {
      this.#timer ??= setTimeout(this.#flush, lingerMs);
    }
  }

  readonly #flush = (): void => {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
    if (this.#queuedItems === 0 || this.#underWay >= this.#options.maxConcurrent) return;
    this.#refuseWhatWaitedTooLong();
    if (this.#queuedItems === 0) return;
    const batch = this.#takeBatch();
    this.#underWay++;
    void this.#settle(batch).finally(() => {
      this.#underWay--;
      // What gathered meanwhile has waited long enough.
      if (this.#queuedItems > 0) this.#immediate ??= setImmediate(this.#flush);
    });
    this.#schedule();
  };

  #refuseWhatWaitedTooLong(): void {
    const oldest = performance.now() - this.#options.maxWaitMs;
    if (!this.#lanes.some(({ since }) => since < oldest)) return;
    const error = this.#overloaded();
    this.#lanes = this.#lanes.filter(({ waiting, since, next }) => {
      if (since >= oldest) return true;
      for (const { size, settle } of waiting.slice(next)) {
        this.#queuedItems--;
        this.#queuedBytes -= size;
        settle({ ok: false, error });
      }
      return false;
    });
  }

  #takeBatch(): Waiting<TItem, TResult>[] {
    const { maxItems, maxBytes } = this.#options;
    const batch: Waiting<TItem, TResult>[] = [];
    let bytes = 0;
    let lanes = this.#lanes;
    let full = false;
    while (!full && lanes.length > 0) {
      let unfinished: Lane<TItem, TResult>[] = [];
      for (const [place, lane] of lanes.entries()) {
        const candidate = lane.waiting[lane.next];
        if (candidate === undefined) continue;
        if (batch.length >= maxItems || (batch.length > 0 && bytes + candidate.size > maxBytes)) {
          // Those not served in this round come first in the next batch.
          unfinished = [...lanes.slice(place), ...unfinished];
          full = true;
          break;
        }
        batch.push(candidate);
        bytes += candidate.size;
        lane.next++;
        if (lane.next < lane.waiting.length) unfinished.push(lane);
      }
      lanes = unfinished;
    }
    this.#lanes = lanes;
    this.#queuedItems -= batch.length;
    this.#queuedBytes -= bytes;
    return batch;
  }

  /** Never rejects: every item gets its outcome. */
  async #settle(batch: readonly Waiting<TItem, TResult>[]): Promise<void> {
    let outcomes: readonly Settled<TResult>[];
    try {
      outcomes = await this.#options.run(batch.map(({ item }) => item));
    } catch (error) {
      if (batch.length > 1 && this.#options.mayBeFaultOfOne(error)) {
        const middle = batch.length >> 1;
        await this.#settle(batch.slice(0, middle));
        await this.#settle(batch.slice(middle));
        return;
      }
      for (const { settle } of batch) settle({ ok: false, error });
      return;
    }
    for (const [i, { settle }] of batch.entries()) {
      settle(
        outcomes[i] ?? { ok: false, error: new Error(`${this.#options.name}: no outcome for item ${i}`) },
      );
      // Hundreds of callers that go on in one turn would hold up everything else.
      if (i % SETTLED_PER_TURN === SETTLED_PER_TURN - 1) await nextTurn();
    }
  }
}
