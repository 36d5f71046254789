import { canonicalJson } from "../adapter/canonicalJson.js";
import type { Event } from "../events/event.js";
import { type EventComparator, type EventOrdering, totalComparator } from "./eventOrdering.js";
import { sumOfStamps } from "./sumOfStamps.js";

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
  /**
   * `events.reduce(evolve, initial)`, without the index. Where `events` is frozen, as that of a store may be, this and
   * iterating the stream take about half the time, for V8 reads frozen arrays slowly.
   */
  reduce<TState>(evolve: (state: TState, event: TEvent) => TState, initial: TState): TState;
}

/** The streams of frozen arrays that are in normal form by time: the arrays stay in it. Frozen, as many may get one. */
const knownStreams = new WeakMap<readonly Event[], NormalStream<string, Event>>();

/**
 * Drops duplicates (the one accepted last wins), orders, and derives metadata. The input array is never changed. A frozen
 * one in the order of time is looked at once: to make a stream of it again costs nothing, whatever its length.
 */
export function createEventStream<TAggregateId extends string, TEvent extends Event>(
  aggregateId: TAggregateId,
  events: readonly TEvent[],
  options?: EventStreamOptions<TEvent>,
): EventStream<TAggregateId, TEvent> {
  const ordering = options?.ordering ?? "timestamp";
  if (ordering === "timestamp") {
    // Made of this very array, so it has the type of its events.
    const known = knownStreams.get(events) as NormalStream<string, TEvent> | undefined;
    if (known !== undefined) return known.of(aggregateId);
  }
  const compare = totalComparator(ordering);
  const distinct = dropDuplicates(events);
  const ordered = isOrdered(distinct, compare) ? distinct : [...distinct].sort(compare);
  const metadata = describe(ordered, ordering === "timestamp", events.length - ordered.length);
  if (ordering !== "timestamp" || ordered !== events || !Object.isFrozen(events))
    return new NormalStream(aggregateId, ordered, ordered, metadata);
  const stream = new NormalStream(aggregateId, events, [...events], Object.freeze(metadata));
  Object.freeze(stream);
  knownStreams.set(events, stream);
  return stream;
}

class NormalStream<TAggregateId extends string, TEvent extends Event>
  implements EventStream<TAggregateId, TEvent>
{
  readonly aggregateId: TAggregateId;
  readonly events: readonly TEvent[];
  readonly metadata: EventStreamMetadata;
  /** The same as `events`, in an array that is not frozen. Nobody else has it. */
  readonly #readable: readonly TEvent[];

  constructor(
    aggregateId: TAggregateId,
    events: readonly TEvent[],
    readable: readonly TEvent[],
    metadata: EventStreamMetadata,
  ) {
    this.aggregateId = aggregateId;
    this.events = events;
    this.metadata = metadata;
    this.#readable = readable;
  }

  of<TOtherId extends string>(aggregateId: TOtherId): NormalStream<TOtherId, TEvent>;
  of(aggregateId: string): NormalStream<string, TEvent> {
    return aggregateId === this.aggregateId
      ? this
      : new NormalStream(aggregateId, this.events, this.#readable, this.metadata);
  }

  reduce<TState>(evolve: (state: TState, event: TEvent) => TState, initial: TState): TState {
    const events = this.#readable;
    let state = initial;
    for (let i = 0; i < events.length; i++) state = evolve(state, events[i] as TEvent);
    return state;
  }

  [Symbol.iterator](): Iterator<TEvent> {
    return this.#readable[Symbol.iterator]();
  }
}

function dropDuplicates<TEvent extends Event>(events: readonly TEvent[]): readonly TEvent[] {
  if (areDistinct(events)) return events;
  const latest = new Map<string, TEvent>();
  for (const event of events) {
    const other = latest.get(event.id);
    if (other === undefined || supersedes(event, other)) latest.set(event.id, event);
  }
  return [...latest.values()];
}

function areDistinct(events: readonly Event[]): boolean {
  // Ids that are counted up tell without a set.
  let ascending = 1;
  while (ascending < events.length && (events[ascending - 1] as Event).id < (events[ascending] as Event).id)
    ascending++;
  if (ascending >= events.length) return true;
  const seen = new Set<string>();
  for (const { id } of events) seen.add(id);
  return seen.size === events.length;
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

function describe(events: readonly Event[], isByTime: boolean, duplicates: number): EventStreamMetadata {
  let firstTimestamp = events[0]?.occurredAt ?? null;
  let lastTimestamp = events.at(-1)?.occurredAt ?? null;
  if (!isByTime) {
    for (const { occurredAt } of events) {
      if (firstTimestamp === null || occurredAt < firstTimestamp) firstTimestamp = occurredAt;
      if (lastTimestamp === null || occurredAt > lastTimestamp) lastTimestamp = occurredAt;
    }
  }
  return {
    count: events.length,
    firstTimestamp,
    lastTimestamp,
    acceptedSum: sumOfStamps(events),
    duplicates,
  };
}
