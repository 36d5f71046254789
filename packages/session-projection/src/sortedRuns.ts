/** Items that stand side by side, and what was made of them as long as none comes or goes. */
export class Run<TItem, TSummary> {
  items: TItem[];
  #summary: TSummary | undefined;

  constructor(items: TItem[]) {
    this.items = items;
  }

  /** @param summarize a pure function of the items; never `undefined` */
  summary(summarize: (items: readonly TItem[]) => TSummary): TSummary {
    this.#summary ??= summarize(this.items);
    return this.#summary;
  }

  forget(): void {
    this.#summary = undefined;
  }
}

const DEFAULT_LENGTH = 256;

/** Distinct items in order, in runs: one that comes or goes moves those of one run, however many there are. */
export class SortedRuns<TItem, TSummary = never> implements Iterable<TItem> {
  readonly #compare: (a: TItem, b: TItem) => number;
  readonly #length: number;
  #runs: Run<TItem, TSummary>[] = [];

  /**
   * @param compare a total order: 0 for one item only
   * @param length of a run; it is split when it has twice as many
   */
  constructor(compare: (a: TItem, b: TItem) => number, length = DEFAULT_LENGTH) {
    this.#compare = compare;
    this.#length = length;
  }

  /** None of them is empty. */
  get runs(): readonly Run<TItem, TSummary>[] {
    return this.#runs;
  }

  get first(): TItem | undefined {
    return this.#runs[0]?.items[0];
  }

  *[Symbol.iterator](): Generator<TItem, undefined> {
    for (const { items } of this.#runs) yield* items;
  }

  /** Puts these in place of all. */
  fill(items: Iterable<TItem>): void {
    const ordered = [...items].sort(this.#compare);
    this.#runs = [];
    for (let from = 0; from < ordered.length; from += this.#length) {
      this.#runs.push(new Run(ordered.slice(from, from + this.#length)));
    }
  }

  add(item: TItem): void {
    const at = Math.min(this.#runOf(item), this.#runs.length - 1);
    const run = this.#runs[at];
    if (run === undefined) {
      this.#runs.push(new Run([item]));
      return;
    }
    const { items } = run;
    items.splice(this.#placeIn(items, item), 0, item);
    run.forget();
    if (items.length < 2 * this.#length) return;
    this.#runs.splice(at + 1, 0, new Run(items.splice(this.#length)));
  }

  /** @param item one that is there */
  remove(item: TItem): void {
    const at = this.#runOf(item);
    const run = this.#runs[at];
    if (run === undefined) return;
    run.items.splice(this.#placeIn(run.items, item), 1);
    run.forget();
    if (run.items.length === 0) this.#runs.splice(at, 1);
  }

  /** The first run that does not end before it; how many there are if all do. */
  #runOf(item: TItem): number {
    return firstIndex(
      this.#runs.length,
      (i) => this.#compare(item, this.#runs[i]?.items.at(-1) as TItem) <= 0,
    );
  }

  #placeIn(items: readonly TItem[], item: TItem): number {
    return firstIndex(items.length, (i) => this.#compare(item, items[i] as TItem) <= 0);
  }
}

/** The first for which it holds, by halving; `length` if for none. It holds for all after the first. */
function firstIndex(length: number, holds: (index: number) => boolean): number {
  let [from, to] = [0, length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
