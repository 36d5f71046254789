/** The items of one call that are not yet under way. */
interface Call<TItem> {
  readonly items: readonly TItem[];
  /** By `performance.now()`. */
  readonly since: number;
  next: number;
}

/** Whose calls take turns among themselves before they take turns with those of others. */
class Owner<TItem> {
  readonly name: string;
  queuedItems = 0;
  /** Of this round, in their order, from `#place` on. */
  #round: Call<TItem>[] = [];
  #place = 0;
  #nextRound: Call<TItem>[] = [];

  constructor(name: string) {
    this.name = name;
  }

  push(call: Call<TItem>): void {
    this.queuedItems += call.items.length;
    this.#nextRound.push(call);
  }

  /** The next item; stays until `take`. */
  peek(): TItem | undefined {
    if (this.#place === this.#round.length) {
      [this.#round, this.#nextRound, this.#place] = [this.#nextRound, [], 0];
    }
    const call = this.#round[this.#place];
    return call?.items[call.next];
  }

  take(): void {
    const call = this.#round[this.#place++] as Call<TItem>;
    call.next++;
    this.queuedItems--;
    if (call.next < call.items.length) this.#nextRound.push(call);
  }

  removeOlderThan(instant: number): TItem[] {
    const waiting = [...this.#round.slice(this.#place), ...this.#nextRound];
    const removed = waiting
      .filter(({ since }) => since < instant)
      .flatMap(({ items, next }) => items.slice(next));
    if (removed.length === 0) return removed;
    [this.#round, this.#nextRound, this.#place] = [waiting.filter(({ since }) => since >= instant), [], 0];
    this.queuedItems -= removed.length;
    return removed;
  }
}

/**
 * Calls that wait, of many owners. Owners take turns item by item, and so do the calls of one owner: neither a call of
 * thousands nor an owner with thousands of calls holds up a call of one.
 */
export class Turns<TItem extends { readonly size: number }> {
  /** Those with waiting items; the first is the next to take its turn. */
  #owners: Owner<TItem>[] = [];
  readonly #byName = new Map<string, Owner<TItem>>();
  #queuedItems = 0;
  #queuedBytes = 0;

  get queuedItems(): number {
    return this.#queuedItems;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  has(owner: string): boolean {
    return this.#byName.has(owner);
  }

  owners(): Iterable<string> {
    return this.#byName.keys();
  }

  push(name: string, items: readonly TItem[], bytes: number): void {
    let owner = this.#byName.get(name);
    if (owner === undefined) {
      owner = new Owner(name);
      this.#byName.set(name, owner);
      this.#owners.push(owner);
    }
    owner.push({ items, since: performance.now(), next: 0 });
    this.#queuedItems += items.length;
    this.#queuedBytes += bytes;
  }

  /** Takes at most so many items and bytes, but at least one item, from the owners that `mayTake`. */
  take(maxItems: number, maxBytes: number, mayTake: (owner: string) => boolean): TItem[] {
    const batch: TItem[] = [];
    let bytes = 0;
    let round = this.#owners.filter(({ name }) => mayTake(name));
    const others = new Set(round.length === this.#owners.length ? [] : this.#owners);
    for (const owner of round) others.delete(owner);
    let full = false;
    while (!full && round.length > 0) {
      let unfinished: Owner<TItem>[] = [];
      for (const [place, owner] of round.entries()) {
        const item = owner.peek() as TItem;
        if (batch.length >= maxItems || (batch.length > 0 && bytes + item.size > maxBytes)) {
          // Those not served in this round come first the next time.
          unfinished = [...round.slice(place), ...unfinished];
          full = true;
          break;
        }
        owner.take();
        batch.push(item);
        bytes += item.size;
        if (owner.queuedItems > 0) unfinished.push(owner);
        else this.#byName.delete(owner.name);
      }
      round = unfinished;
    }
    this.#owners = [...others, ...round];
    this.#queuedItems -= batch.length;
    this.#queuedBytes -= bytes;
    return batch;
  }

  /** What has waited since before this instant, by `performance.now()`. */
  removeOlderThan(instant: number): readonly TItem[] {
    const removed = this.#owners.flatMap((owner) => owner.removeOlderThan(instant));
    if (removed.length === 0) return removed;
    this.#owners = this.#owners.filter(
      ({ name, queuedItems }) => queuedItems > 0 || !this.#byName.delete(name),
    );
    this.#queuedItems -= removed.length;
    for (const { size } of removed) this.#queuedBytes -= size;
    return removed;
  }
}
