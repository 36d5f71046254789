/** Why bytes were not given: a tenant holds all it may, or all tenants together do. */
export type BudgetRefusal = "over_share" | "over_limit";

/** One tenant's access to the budget. */
export interface BudgetShare {
  /** Takes `bytes` if they fit; otherwise says why not. */
  take(bytes: number): BudgetRefusal | undefined;
  /** Why `bytes` would not be given now; takes nothing. */
  wouldRefuse(bytes: number): BudgetRefusal | undefined;
  release(bytes: number): void;
}

/**
 * Bytes of all requests in flight together. Nobody waits for it: what does not fit is refused at once.
 *
 * A tenant may hold `limitPerTenant`, and beside others never more than what it leaves free: however many tenants flood,
 * some of the budget is left for the next, so that one with little in flight is served.
 */
export class ByteBudget {
  readonly #limit: number;
  readonly #limitPerTenant: number;
  readonly #usedBy = new Map<string, number>();
  #used = 0;

  constructor(limit: number, limitPerTenant = limit) {
    this.#limit = limit;
    this.#limitPerTenant = limitPerTenant;
  }

  get used(): number {
    return this.#used;
  }

  shareOf(tenant: string): BudgetShare {
    return {
      wouldRefuse: (bytes) => this.#refusal(this.#usedBy.get(tenant) ?? 0, bytes),
      take: (bytes) => {
        const held = this.#usedBy.get(tenant) ?? 0;
        const refusal = this.#refusal(held, bytes);
        if (refusal === undefined) {
          this.#usedBy.set(tenant, held + bytes);
          this.#used += bytes;
        }
        return refusal;
      },
      release: (bytes) => {
        const left = (this.#usedBy.get(tenant) ?? 0) - bytes;
        if (left > 0) this.#usedBy.set(tenant, left);
        else this.#usedBy.delete(tenant);
        this.#used -= bytes;
      },
    };
  }

  #refusal(held: number, bytes: number): BudgetRefusal | undefined {
    if (held + bytes > this.#limitPerTenant) return "over_share";
    const free = this.#limit - this.#used;
    if (bytes > free) return "over_limit";
    const isAlone = held === this.#used;
    return isAlone || held + bytes <= free ? undefined : "over_share";
  }
}
