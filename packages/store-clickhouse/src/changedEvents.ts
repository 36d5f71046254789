import type { KnownEvents } from "@es/core";

/** What the rows of an aggregate say of what changed, without its events: one row per insert of an event. */
export interface ChangeIndex {
  /** Rows, those included that merges will remove. */
  readonly rowCount: number;
  /** Sum of `acceptedAt` over the rows. */
  readonly acceptedSum: bigint;
  /** Id and `acceptedAt` of rows accepted lately; which is only a guess at what may be new. */
  readonly recent: readonly StampedId[];
}

export type StampedId = readonly [eventId: string, acceptedAt: string];

/** What there is, and which of it is new. */
interface Difference {
  readonly eventCount: number;
  readonly acceptedSum: bigint;
  readonly changedIds: readonly string[];
}

/**
 * The ids that `known` lacks or has as accepted earlier, if the index proves that there are no others; else `undefined`.
 *
 * The proof needs no clock: what is known is stored, and rows of an event only ever get later. If `known` with the recent
 * ones has as many events as there are rows, each has one row and there is no other; if the sums are equal as well, none
 * of them was accepted later than known.
 */
export function provenChanges(index: ChangeIndex, known: KnownEvents): readonly string[] | undefined {
  const { eventCount, acceptedSum, changedIds } = difference(index.recent, known);
  return eventCount === index.rowCount && acceptedSum === index.acceptedSum ? changedIds : undefined;
}

/**
 * The ids that `known` lacks or has as accepted earlier; `null` when some that it has are not stored any more.
 *
 * @param stored the id of every event that is stored once, with its newest `acceptedAt`
 */
export function allChanges(stored: readonly StampedId[], known: KnownEvents): readonly string[] | null {
  const { eventCount, changedIds } = difference(stored, known);
  return eventCount === stored.length ? changedIds : null;
}

/** Counts what `known` with these events would be. */
function difference(events: readonly StampedId[], known: KnownEvents): Difference {
  const newest = new Map<string, bigint>();
  let { eventCount, acceptedSum } = known;
  for (const [id, stamp] of events) {
    const acceptedAt = BigInt(stamp);
    const before = newest.get(id) ?? known.acceptedAtOf(id);
    if (before !== undefined && before >= acceptedAt) continue;
    newest.set(id, acceptedAt);
    if (before === undefined) eventCount++;
    acceptedSum += acceptedAt - (before ?? 0n);
  }
  return { eventCount, acceptedSum, changedIds: [...newest.keys()] };
}
