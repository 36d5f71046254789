import {
  type AggregateRef,
  aggregateRefKey,
  EventSourcingError,
  type Page,
  type PageOptions,
  parseTenantId,
  type TenantId,
} from "@es/core";
import { pageLimit } from "@es/core/adapter";
import {
  assertSelectable,
  type DeadLetter,
  type DeadLetterSelection,
  type DeadLetters,
  type RedriveOptions,
  redriveInSteps,
} from "@es/processing";

/** What the letters need of the queue they belong to. */
export interface DeadLettersHost {
  /** @throws EventSourcingError `CLOSED` */
  assertOpen(): void;
  redrive(ref: AggregateRef): void;
}

/** The parked runs of a memory queue, at most one per ref, in the order in which they first failed. */
export class DeadLettersMemory implements DeadLetters {
  readonly #host: DeadLettersHost;
  readonly #byKey = new Map<string, DeadLetter>();
  readonly #keyById = new Map<string, string>();
  #lastId = 0;

  constructor(host: DeadLettersHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#byKey.size;
  }

  park(letter: Omit<DeadLetter, "id">): void {
    const key = aggregateRefKey(letter.ref);
    const old = this.#byKey.get(key);
    const id = old?.id ?? String(++this.#lastId);
    this.#byKey.set(key, { ...letter, id, firstFailedAt: old?.firstFailedAt ?? letter.firstFailedAt });
    this.#keyById.set(id, key);
  }

  heal(key: string): boolean {
    const letter = this.#byKey.get(key);
    if (letter === undefined) return false;
    this.#keyById.delete(letter.id);
    return this.#byKey.delete(key);
  }

  async list(options: PageOptions & { readonly tenantId?: TenantId } = {}): Promise<Page<DeadLetter>> {
    this.#host.assertOpen();
    assertSelectable(options);
    const after = options.cursor === undefined ? 0 : cursorPosition(options.cursor);
    const limit = pageLimit(options);
    const items: DeadLetter[] = [];
    // Ids are given in the order of insertion, and a replaced letter keeps its place.
    for (const letter of this.#byKey.values()) {
      if (Number(letter.id) <= after) continue;
      if (options.tenantId !== undefined && letter.ref.tenantId !== options.tenantId) continue;
      if (items.length === limit) return { items, nextCursor: items.at(-1)?.id ?? null };
      items.push(letter);
    }
    return { items, nextCursor: null };
  }

  async get(id: string): Promise<DeadLetter | null> {
    this.#host.assertOpen();
    return this.#find(id) ?? null;
  }

  async findByRefs(refs: readonly AggregateRef[]): Promise<readonly (DeadLetter | null)[]> {
    this.#host.assertOpen();
    for (const { tenantId } of refs) parseTenantId(tenantId);
    return refs.map((ref) => this.#byKey.get(aggregateRefKey(ref)) ?? null);
  }

  async redrive(selection: DeadLetterSelection = {}, options: RedriveOptions = {}): Promise<number> {
    this.#host.assertOpen();
    assertSelectable(selection);
    const ids = this.#select(selection).map(({ id }) => id);
    return redriveInSteps([ids], options, async (some) => {
      this.#host.assertOpen();
      const letters = some.map((id) => this.#find(id)).filter((letter) => letter !== undefined);
      for (const letter of letters) {
        this.heal(aggregateRefKey(letter.ref));
        this.#host.redrive(letter.ref);
      }
      return letters;
    });
  }

  async discard(selection: DeadLetterSelection = {}): Promise<number> {
    this.#host.assertOpen();
    assertSelectable(selection);
    const letters = this.#select(selection);
    for (const letter of letters) this.heal(aggregateRefKey(letter.ref));
    return letters.length;
  }

  #find(id: string): DeadLetter | undefined {
    const key = this.#keyById.get(id);
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  #select({ ids, tenantId }: DeadLetterSelection): DeadLetter[] {
    const letters =
      ids === undefined
        ? [...this.#byKey.values()]
        : [...new Set(ids)].map((id) => this.#find(id)).filter((letter) => letter !== undefined);
    return tenantId === undefined ? letters : letters.filter((letter) => letter.ref.tenantId === tenantId);
  }
}

function cursorPosition(cursor: string): number {
  if (typeof cursor === "string" && /^[1-9][0-9]{0,14}$/.test(cursor)) return Number(cursor);
  throw new EventSourcingError("INVALID_CURSOR", "The cursor of a dead letter listing is not one it gave.", {
    fields: { cursor: String(cursor).slice(0, 64) },
  });
}
