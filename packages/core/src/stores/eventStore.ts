import type { Event } from "../events/event.js";
import type { Page, PageOptions } from "./page.js";
import type { EventStoreContext } from "./storeContext.js";

export interface ListChangedOptions extends PageOptions {
  /** Only aggregates with an event accepted at or after this instant. Unix nanoseconds. */
  readonly since: bigint;
}

/** An aggregate with the watermark of what is stored of it. */
export interface AggregateWatermark<TAggregateId extends string = string> {
  readonly aggregateId: TAggregateId;
  /** Distinct events stored. */
  readonly eventCount: number;
  /** Sum of `acceptedAt` over them. */
  readonly acceptedSum: bigint;
  /** Newest `acceptedAt` of them, Unix nanoseconds. */
  readonly lastAcceptedAt: bigint;
}

/** What a caller has of one aggregate: for each id it knows, the event accepted last that it has seen. */
export interface KnownEvents {
  readonly eventCount: number;
  /** Sum of `acceptedAt` over them. */
  readonly acceptedSum: bigint;
  /** Newest `acceptedAt` of them; 0 if there are none. */
  readonly lastAcceptedAt: bigint;
  acceptedAtOf(eventId: string): bigint | undefined;
}

/**
 * Keeps the events of aggregates, tenant by tenant.
 *
 * **Values.** What a read returns equals what was stored, or `storeEvents` refuses it with `INVALID_EVENT` and the path to
 * the value. `data` and `metadata` are JSON values: strings, finite numbers, booleans, `null`, arrays and plain objects of
 * these; a member that is `undefined` counts as absent. (`data` may be `undefined` as a whole.) A store with a codec of its
 * own for one kind of event keeps what that codec keeps.
 *
 * **Sharing.** JSON events come out frozen, and so does their list: a handler that changes one throws, over every store.
 * A list that is not frozen, of a store with a codec, belongs to the caller alone: no other read returns the same objects.
 *
 * **Order.** Ids, of events, aggregates and tenants, are ordered by code point, which is by their UTF-8 bytes: see
 * `compareIds`.
 *
 * Guarantees of every implementation:
 * - when `storeEvents` resolves, all its events are durable and seen by every later read; when it rejects, the caller may
 *   send the same events again;
 * - an event stored any number of times counts once in every read; of two with the same id the one accepted last counts;
 * - no call sees, changes or counts another tenant's events; the tenant is checked by each call, not by types alone.
 *
 * Every call rejects with `EventSourcingError`: `INVALID_TENANT_ID`, `INVALID_AGGREGATE_ID`, `INVALID_EVENT` (before
 * anything is written), `STORE_UNAVAILABLE`, `STORE_OVERLOADED` (both retryable), `STORE_REJECTED`, `EVENT_UNDECODABLE`,
 * `AGGREGATE_TOO_LARGE`.
 */
export interface EventStore<TAggregateId extends string = string, TEvent extends Event = Event> {
  storeEvents(events: readonly TEvent[], context: EventStoreContext): Promise<void>;

  /** All events of one aggregate, each identity once, by `occurredAt`, then `id`. Empty for an unknown aggregate. */
  getEvents(aggregateId: TAggregateId, context: EventStoreContext): Promise<readonly TEvent[]>;

  /** `getEvents` of many aggregates in one round trip. The map has an entry for every id asked for. */
  getEventsOfMany(
    aggregateIds: readonly TAggregateId[],
    context: EventStoreContext,
  ): Promise<ReadonlyMap<TAggregateId, readonly TEvent[]>>;

  /**
   * What is missing from `known`: the stored events that it has not, or has as accepted earlier, each identity once, in
   * no order. `known` with them is what `getEvents` gives, whatever the clocks said that made `acceptedAt`. `null` when
   * events that are known are not stored any more: then everything has to be read.
   *
   * A store that cannot tell leaves it out.
   */
  getChangedEvents?(
    aggregateId: TAggregateId,
    known: KnownEvents,
    context: EventStoreContext,
  ): Promise<readonly TEvent[] | null>;

  /** Those of the events that are stored, in no order. A store that has `getChangedEvents` has this, too. */
  getEventsById?(
    aggregateId: TAggregateId,
    eventIds: readonly string[],
    context: EventStoreContext,
  ): Promise<readonly TEvent[]>;

  /** Every aggregate of the tenant once, ordered by id, page by page. */
  listAggregateIds(context: EventStoreContext, options?: PageOptions): Promise<Page<TAggregateId>>;

  /** Aggregates that changed since an instant, ordered by id, with the watermark of *all* their events. */
  listChangedAggregates(
    context: EventStoreContext,
    options: ListChangedOptions,
  ): Promise<Page<AggregateWatermark<TAggregateId>>>;
}
