/** A first-in-first-out list per tenant, drained round-robin over the tenants. Every operation is O(1). */
export class FairBacklog<T> {
  /** Insertion order is the order of turns. */
  readonly #turns = new Map<string, Fifo<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(tenantId: string, item: T): void {
    const waiting = this.#turns.get(tenantId);
    if (waiting === undefined) this.#turns.set(tenantId, new Fifo(item));
    else waiting.push(item);
    this.#size++;
  }

  /** The oldest item of the tenant whose turn it is; that tenant then goes to the end of the line. */
  shift(): T | undefined {
    const turn = this.#turns.entries().next();
    if (turn.done === true) return undefined;
    const [tenantId, waiting] = turn.value;
    const { item, empty } = waiting.shift();
    this.#turns.delete(tenantId);
    if (!empty) this.#turns.set(tenantId, waiting);
    this.#size--;
    return item;
  }
}

interface Node<T> {
  readonly item: T;
  next: Node<T> | null;
}

/** Never empty: it is made with its first item and dropped with its last. */
class Fifo<T> {
  #first: Node<T>;
  #last: Node<T>;

  constructor(item: T) {
    this.#first = this.#last = { item, next: null };
  }

  push(item: T): void {
    this.#last = this.#last.next = { item, next: null };
  }

  shift(): { readonly item: T; readonly empty: boolean } {
    const { item, next } = this.#first;
    if (next !== null) this.#first = next;
    return { item, empty: next === null };
  }
}
