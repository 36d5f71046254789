import type {
  AggregateRef,
  DeadLetter,
  DeadLetterSelection,
  DeadLetters,
  Page,
  PageOptions,
  TenantId,
} from "@es/core";
import type { DeadLetterStore, StoredDeadLetter } from "./deadLetterStore.js";

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
    const page = await this.#host.call(() => this.#store.list(options));
    return { items: page.items.map(({ letter }) => letter), nextCursor: page.nextCursor };
  }

  async get(id: string): Promise<DeadLetter | null> {
    return (await this.#host.call(() => this.#store.find(id)))?.letter ?? null;
  }

  async redrive(selection: DeadLetterSelection = {}): Promise<number> {
    let redriven = 0;
    for await (const letters of this.#select(selection)) {
      // In this order a crash in between leaves a letter too many, never a run too few. A letter that was replaced
      // meanwhile stays: the run just scheduled heals or renews it.
      await this.#host.schedule(letters.map(({ letter }) => letter.ref));
      await this.#removeAll(letters);
      redriven += letters.length;
    }
    return redriven;
  }

  async discard(selection: DeadLetterSelection = {}): Promise<number> {
    let discarded = 0;
    for await (const letters of this.#select(selection)) discarded += await this.#removeAll(letters);
    return discarded;
  }

  async #removeAll(letters: readonly StoredDeadLetter[]): Promise<number> {
    const removed = await this.#host.call(() =>
      Promise.all(letters.map((letter) => this.#store.remove(letter))),
    );
    return removed.filter(Boolean).length;
  }

  /** The selected letters page by page, without those parked after the call: a redrive that fails again must end. */
  async *#select({ ids, tenantId }: DeadLetterSelection): AsyncGenerator<StoredDeadLetter[]> {
    if (ids !== undefined) {
      const distinct = [...new Set(ids)];
      // At least one call, so that a closed queue says so.
      for (let from = 0; from === 0 || from < distinct.length; from += PAGE) {
        const some = distinct.slice(from, from + PAGE);
        const found = await this.#host.call(() => Promise.all(some.map((id) => this.#store.find(id))));
        yield found.filter(
          (one) => one !== null && (tenantId === undefined || one.letter.ref.tenantId === tenantId),
        ) as StoredDeadLetter[];
      }
      return;
    }
    const until = Date.now();
    let cursor: string | null = null;
    do {
      const page: Page<StoredDeadLetter> = await this.#host.call(() =>
        this.#store.list({ limit: PAGE, tenantId, until, ...(cursor === null ? {} : { cursor }) }),
      );
      yield [...page.items];
      cursor = page.nextCursor;
    } while (cursor !== null);
  }
}
