import type { SpanPlace } from "./deliveries.js";
import type { MadeTrace } from "./traces.js";

const SENT = 1;
const ACKNOWLEDGED = 2;

/** What became of one span, as its sender knows it. */
export type SpanFate = "unsent" | "sent" | "acknowledged";

/** What clients know: which spans were sent, and which of them an ingest answered for. A byte per span. */
export class Ledger {
  readonly #traces = new Map<string, Uint8Array>();
  readonly #statuses = new Map<string, number>();
  /** Answers no client should get: spans refused, requests that may not be repeated. */
  readonly refusals: string[] = [];
  sentCopies = 0;

  /** Before the request leaves: from now on the spans may be stored. */
  sent(places: readonly SpanPlace[]): void {
    this.sentCopies += places.length;
    this.#mark(places, SENT);
  }

  acknowledged(places: readonly SpanPlace[]): void {
    this.#mark(places, SENT | ACKNOWLEDGED);
  }

  /** @param status an HTTP status, or how the connection failed */
  answered(status: string): void {
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
  }

  /** Requests by their answer, retries included. */
  get statuses(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#statuses].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  fate(trace: Pick<MadeTrace, "tenant" | "wave" | "place">, index: number): SpanFate {
    const marks = this.#traces.get(keyOf(trace))?.[index] ?? 0;
    return (marks & ACKNOWLEDGED) !== 0 ? "acknowledged" : marks === 0 ? "unsent" : "sent";
  }

  totals(): { readonly sent: number; readonly acknowledged: number } {
    let sent = 0;
    let acknowledged = 0;
    for (const marks of this.#traces.values()) {
      for (const mark of marks) {
        if ((mark & SENT) !== 0) sent++;
        if ((mark & ACKNOWLEDGED) !== 0) acknowledged++;
      }
    }
    return { sent, acknowledged };
  }

  #mark(places: readonly SpanPlace[], mark: number): void {
    for (const { trace, index } of places) {
      const key = keyOf(trace);
      let marks = this.#traces.get(key);
      if (marks === undefined || marks.length <= index) {
        const longer = new Uint8Array(Math.max(16, (index + 1) * 2));
        if (marks !== undefined) longer.set(marks);
        marks = longer;
        this.#traces.set(key, marks);
      }
      marks[index] = (marks[index] ?? 0) | mark;
    }
  }
}

function keyOf({ tenant, wave, place }: Pick<MadeTrace, "tenant" | "wave" | "place">): string {
  return `${wave}/${place}/${tenant}`;
}
