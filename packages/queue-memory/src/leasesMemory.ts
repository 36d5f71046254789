import { EventSourcingError } from "@es/core";
import { wholeNumber } from "@es/core/adapter";
import type { Lease, Leases } from "@es/processing";

interface Held {
  /** By `performance.now()`. */
  endsAt: number;
}

/** The `Leases` port among the parts of one process, for embedded use and tests. */
export class LeasesMemory implements Leases {
  readonly #held = new Map<string, Held>();
  #closed = false;

  async acquire(name: string, durationMs: number): Promise<Lease | null> {
    this.#assertOpen();
    wholeNumber("durationMs", durationMs, 1);
    const now = performance.now();
    const other = this.#held.get(name);
    if (other !== undefined && other.endsAt > now) return null;
    const mine: Held = { endsAt: now + durationMs };
    this.#held.set(name, mine);
    const lost = () => this.#held.get(name) !== mine || mine.endsAt <= performance.now();
    return {
      name,
      renew: async (ms) => {
        this.#assertOpen();
        wholeNumber("durationMs", ms, 1);
        if (lost()) return false;
        mine.endsAt = performance.now() + ms;
        return true;
      },
      release: async () => {
        this.#assertOpen();
        if (!lost()) this.#held.delete(name);
      },
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #assertOpen(): void {
    if (this.#closed) throw new EventSourcingError("CLOSED", "These leases are closed.");
  }
}
