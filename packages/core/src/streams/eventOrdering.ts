import { compareIds } from "../adapter/compareIds.js";
import type { Event } from "../events/event.js";

/** Negative when `a` comes first, as `Array.prototype.sort` wants it. */
export type EventComparator<TEvent extends Event = Event> = (a: TEvent, b: TEvent) => number;

/** `"timestamp"`: by `occurredAt`. A comparator's ties are broken by `occurredAt`, then `id`: every order is total. */
export type EventOrdering<TEvent extends Event = Event> = "timestamp" | EventComparator<TEvent>;

/** By `occurredAt`, then by `id` as {@link compareIds} orders them. Total over events with distinct ids. */
export function compareByTimestamp(a: Event, b: Event): number {
  if (a.occurredAt !== b.occurredAt) return a.occurredAt < b.occurredAt ? -1 : 1;
  return compareIds(a.id, b.id);
}

export function totalComparator<TEvent extends Event>(
  ordering: EventOrdering<TEvent>,
): EventComparator<TEvent> {
  if (ordering === "timestamp") return compareByTimestamp;
  return (a, b) => ordering(a, b) || compareByTimestamp(a, b);
}
