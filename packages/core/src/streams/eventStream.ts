import type { Event } from "../events/event.js";
import { canonicalJson } from "../serialization/canonicalJson.js";
import { type EventComparator, type EventOrdering, totalComparator } from "./eventOrdering.js";

/** What a stream knows about its events without looking at their data. */
export interface EventStreamMetadata {
  /** Distinct events. */
  readonly count: number;
  /** Smallest `occurredAt`, whatever the ordering; `null` for an empty stream. Unix nanoseconds. */
  readonly firstTimestamp: bigint | null;
  /** Largest `occurredAt`, whatever the ordering; `null` for an empty stream. Unix nanoseconds. */
  readonly lastTimestamp: bigint | null;
  /** Sum of `acceptedAt` over the distinct events: with `count`, the watermark a projection version is made of. */
  readonly acceptedSum: bigint;
  /** Events that were dropped because another of the same id was accepted later. */
  readonly duplicates: number;
}

export interface EventStreamOptions<TEvent extends Event = Event> {
  /** @default "timestamp" */
  readonly ordering?: EventOrdering<TEvent>;
}

/**
 * The events of one aggregate as a normal form: each identity once, in a total order. Any order, duplication or batching
 * of the same events gives the same stream.
 */
export interface EventStream<TAggregateId extends string = string, TEvent extends Event = Event>
  extends Iterable<TEvent> {
  readonly aggregateId: TAggregateId;
  /** Distinct and ordered. The very array given to `createEventStream` if that already was. */
  readonly events: readonly TEvent[];
  readonly metadata: EventStreamMetadata;
}

/** Drops duplicates (the one accepted last wins), orders, and derives metadata. The input array is never changed. */
export function createEventStream<TAggregateId extends string, TEvent extends Event>(
  aggregateId: TAggregateId,
  events: readonly TEvent[],
  options: EventStreamOptions<TEvent> = {},
): EventStream<TAggregateId, TEvent> {
  const compare = totalComparator(options.ordering ?? "timestamp");
  const distinct = dropDuplicates(events);
  const ordered = isOrdered(distinct, compare) ? distinct : [...distinct].sort(compare);
  const metadata = describe(ordered, events.length - ordered.length);
  return {
    aggregateId,
    events: ordered,
    metadata,
    [Symbol.iterator]: () => ordered[Symbol.iterator](),
  };
}

function dropDuplicates<TEvent extends Event>(events: readonly TEvent[]): readonly TEvent[] {
  const seen = new Set<string>();
  for (const event of events) seen.add(event.id);
  if (seen.size === events.length) return events;
  const latest = new Map<string, TEvent>();
  for (const event of events) {
    const other = latest.get(event.id);
    if (other === undefined || supersedes(event, other)) latest.set(event.id, event);
  }
  return [...latest.values()];
}

function supersedes(event: Event, other: Event): boolean {
  if (event.acceptedAt !== other.acceptedAt) return event.acceptedAt > other.acceptedAt;
  // Same identity, same instant: content decides, so that arrival order does not.
  return canonicalJson(event) > canonicalJson(other);
}

function isOrdered<TEvent extends Event>(
  events: readonly TEvent[],
  compare: EventComparator<TEvent>,
): boolean {
  for (let i = 1; i < events.length; i++) {
    if (compare(events[i - 1] as TEvent, events[i] as TEvent) > 0) return false;
  }
  return true;
}

function describe(events: readonly Event[], duplicates: number): EventStreamMetadata {
  let firstTimestamp: bigint | null = null;
  let lastTimestamp: bigint | null = null;
  let acceptedSum = 0n;
  for (const { occurredAt, acceptedAt } of events) {
    if (firstTimestamp === null || occurredAt < firstTimestamp) firstTimestamp = occurredAt;
    if (lastTimestamp === null || occurredAt > lastTimestamp) lastTimestamp = occurredAt;
    acceptedSum += acceptedAt;
  }
  return { count: events.length, firstTimestamp, lastTimestamp, acceptedSum, duplicates };
}
