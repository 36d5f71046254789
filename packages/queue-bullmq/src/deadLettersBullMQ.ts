import { type AggregateRef, type Page, type PageOptions, parseTenantId, type TenantId } from "@es/core";
import {
  assertSelectable,
  type DeadLetter,
  type DeadLetterSelection,
  type DeadLetters,
  type RedriveOptions,
  redriveInSteps,
} from "@es/processing";
import { type DeadLetterStore, deadLetterId, type StoredDeadLetter } from "./deadLetterStore.js";

/** What the letters need of the queue they belong to. */
export interface DeadLettersHost {
  call<T>(work: () => Promise<T>): Promise<T>;
  schedule(refs: readonly AggregateRef[]): Promise<void>;
}

const PAGE = 100;

export class DeadLettersBullMQ implements DeadLetters {
  readonly #store: DeadLetterStore;
  readonly #host: DeadLettersHost;

  constructor(store: DeadLetterStore, host: DeadLettersHost) {
    this.#store = store;
    this.#host = host;
  }

  async list(options: PageOptions & { readonly tenantId?: TenantId } = {}): Promise<Page<DeadLetter>> {
    assertSelectable(options);
    const page = await this.#host.call(() => this.#store.list(options));
    return { items: page.items.map(({ letter }) => letter), nextCursor: page.nextCursor };
  }

  async get(id: string): Promise<DeadLetter | null> {
    return (await this.#host.call(() => this.#store.find(id)))?.letter ?? null;
  }

  async findByRefs(refs: readonly AggregateRef[]): Promise<readonly (DeadLetter | null)[]> {
    for (const { tenantId } of refs) parseTenantId(tenantId);
    const found: (DeadLetter | null)[] = [];
    for (let from = 0; from === 0 || from < refs.length; from += PAGE) {
      const ids = refs.slice(from, from + PAGE).map(deadLetterId);
      const some = await this.#host.call(() => this.#store.findMany(ids));
      found.push(...some.map((one) => one?.letter ?? null));
    }
    return found;
  }

  async redrive(selection: DeadLetterSelection = {}, options: RedriveOptions = {}): Promise<number> {
    assertSelectable(selection);
    return redriveInSteps(this.#select(selection), options, async (ids) => {
      // Read again: at a slow rate much may have become of them since they were selected.
      const letters = await this.#existing(ids);
      // In this order a crash in between leaves a letter too many, never a run too few. A letter that was replaced
      // meanwhile stays: the run just scheduled heals or renews it.
      await this.#host.schedule(letters.map(({ letter }) => letter.ref));
      await this.#removeAll(letters);
      return letters.map(({ letter }) => letter);
    });
  }

  async discard(selection: DeadLetterSelection = {}): Promise<number> {
    assertSelectable(selection);
    let discarded = 0;
    for await (const ids of this.#select(selection)) {
      discarded += await this.#removeAll(await this.#existing(ids));
    }
    return discarded;
  }

  async #existing(ids: readonly string[]): Promise<readonly StoredDeadLetter[]> {
    const found = await this.#host.call(() => this.#store.findMany(ids));
    return found.filter((one) => one !== null);
  }

  async #removeAll(letters: readonly StoredDeadLetter[]): Promise<number> {
    const removed = await this.#host.call(() =>
      Promise.all(letters.map((letter) => this.#store.remove(letter))),
    );
    return removed.filter(Boolean).length;
  }

  /**
   * The ids of the selected letters page by page, without those parked after the call: a redrive that fails again must end.
   */
  async *#select({ ids, tenantId }: DeadLetterSelection): AsyncGenerator<readonly string[]> {
    if (ids !== undefined) {
      const distinct = [...new Set(ids)];
      // At least one call, so that a closed queue says so.
      for (let from = 0; from === 0 || from < distinct.length; from += PAGE) {
        const letters = await this.#existing(distinct.slice(from, from + PAGE));
        yield letters
          .filter(({ letter }) => tenantId === undefined || letter.ref.tenantId === tenantId)
          .map(({ letter }) => letter.id);
      }
      return;
    }
    const until = Date.now();
    let cursor: string | null = null;
    do {
      const page: Page<StoredDeadLetter> = await this.#host.call(() =>
        this.#store.list({ limit: PAGE, tenantId, until, ...(cursor === null ? {} : { cursor }) }),
      );
      yield page.items.map(({ letter }) => letter.id);
      cursor = page.nextCursor;
    } while (cursor !== null);
  }
}
