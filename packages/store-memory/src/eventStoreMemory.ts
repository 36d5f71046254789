import {
  type AggregateRef,
  type AggregateSelection,
  type AggregateSource,
  type AggregateWatermark,
  assertAggregateId,
  assertEvent,
  createEventStream,
  decodeCursor,
  decodeRefCursor,
  type Event,
  EventSourcingError,
  type EventStore,
  type EventStoreContext,
  encodeCursor,
  encodeRefCursor,
  type KnownEvents,
  type ListChangedOptions,
  type Page,
  type PageOptions,
  pageLimit,
  type TenantId,
} from "@es/core";
import { compareUtf8 } from "./compareUtf8.js";
import { freezeDeeply } from "./freezeDeeply.js";

/** An aggregate's events. */
interface StoredEvents<TEvent> {
  readonly byId: Map<string, TEvent>;
  /** In order, frozen; `undefined` when something was stored since. */
  ordered: readonly TEvent[] | undefined;
  /** Nothing in any of them can be changed. */
  immutable: boolean;
}

/**
 * An event store for tests, examples and embedded use: it forgets everything when the process ends. Values are copied
 * in (`structuredClone`), as a real engine would. What comes out is frozen; events with values that cannot be frozen, such
 * as a `Map`, are copied out as well.
 *
 * `TEvent` is `never` unless given or inferred, so that a store without a type fits any pipeline and nothing else.
 */
export class EventStoreMemory<TEvent extends Event = never, TAggregateId extends string = string>
  implements EventStore<TAggregateId, TEvent>, AggregateSource<TAggregateId>
{
  readonly #tenants = new Map<TenantId, Map<TAggregateId, StoredEvents<TEvent>>>();

  async storeEvents(events: readonly TEvent[], context: EventStoreContext): Promise<void> {
    const copies = events.map(copyEvent);
    const tenant = this.#tenants.get(context.tenantId) ?? new Map<TAggregateId, StoredEvents<TEvent>>();
    this.#tenants.set(context.tenantId, tenant);
    for (const event of copies) {
      const aggregateId = event.aggregateId as TAggregateId;
      let stored = tenant.get(aggregateId);
      if (stored === undefined) {
        stored = { byId: new Map(), ordered: undefined, immutable: true };
        tenant.set(aggregateId, stored);
      }
      const other = stored.byId.get(event.id);
      if (other !== undefined && event.acceptedAt <= other.acceptedAt) continue;
      stored.byId.set(event.id, event);
      stored.ordered = undefined;
      if (!freezeDeeply(event)) stored.immutable = false;
    }
  }

  async getEvents(aggregateId: TAggregateId, context: EventStoreContext): Promise<readonly TEvent[]> {
    const stored = this.#tenants.get(context.tenantId)?.get(aggregateId);
    if (stored === undefined) {
      assertAggregateId(aggregateId);
      return [];
    }
    stored.ordered ??= Object.freeze(createEventStream(aggregateId, [...stored.byId.values()]).events);
    return handOut(stored, stored.ordered);
  }

  async getEventsOfMany(
    aggregateIds: readonly TAggregateId[],
    context: EventStoreContext,
  ): Promise<ReadonlyMap<TAggregateId, readonly TEvent[]>> {
    const read = new Map<TAggregateId, readonly TEvent[]>();
    for (const aggregateId of aggregateIds) read.set(aggregateId, await this.getEvents(aggregateId, context));
    return read;
  }

  async getChangedEvents(
    aggregateId: TAggregateId,
    known: KnownEvents,
    context: EventStoreContext,
  ): Promise<readonly TEvent[] | null> {
    assertAggregateId(aggregateId);
    const stored = this.#tenants.get(context.tenantId)?.get(aggregateId);
    const changed: TEvent[] = [];
    let found = 0;
    for (const event of stored?.byId.values() ?? []) {
      const before = known.acceptedAtOf(event.id);
      if (before !== undefined) found++;
      if (before === undefined || before < event.acceptedAt) changed.push(event);
    }
    if (found < known.eventCount) return null;
    return handOut(stored, changed);
  }

  async getEventsById(
    aggregateId: TAggregateId,
    eventIds: readonly string[],
    context: EventStoreContext,
  ): Promise<readonly TEvent[]> {
    assertAggregateId(aggregateId);
    const stored = this.#tenants.get(context.tenantId)?.get(aggregateId);
    const found = [...new Set(eventIds)].flatMap((id) => stored?.byId.get(id) ?? []);
    return handOut(stored, found);
  }

  /** Of all who ever stored an event, in no order. */
  listTenantIds(): readonly TenantId[] {
    return [...this.#tenants.keys()];
  }

  async listAggregateIds(context: EventStoreContext, options?: PageOptions): Promise<Page<TAggregateId>> {
    return pageOf([...(this.#tenants.get(context.tenantId)?.keys() ?? [])], (id) => id, options);
  }

  async listChangedAggregates(
    context: EventStoreContext,
    options: ListChangedOptions,
  ): Promise<Page<AggregateWatermark<TAggregateId>>> {
    const watermarks = [...(this.#tenants.get(context.tenantId) ?? [])].map(([aggregateId, stored]) =>
      watermarkOf(aggregateId, stored),
    );
    const changed = watermarks.filter(({ lastAcceptedAt }) => lastAcceptedAt >= options.since);
    return pageOf(changed, ({ aggregateId }) => aggregateId, options);
  }

  async listAggregates(
    selection: AggregateSelection<TAggregateId>,
    options?: PageOptions,
  ): Promise<Page<AggregateRef<TAggregateId>>> {
    const limit = pageLimit(options);
    const after = options?.cursor === undefined ? undefined : decodeRefCursor(options.cursor);
    const rest = this.#select(selection)
      .filter(({ tenantId, aggregateId }) =>
        after === undefined ? true : compareRefs([tenantId, aggregateId], after) > 0,
      )
      .sort((a, b) => compareRefs([a.tenantId, a.aggregateId], [b.tenantId, b.aggregateId]));
    const items = rest.slice(0, limit);
    const last = items.at(-1);
    return { items, nextCursor: rest.length > limit && last !== undefined ? encodeRefCursor(last) : null };
  }

  async countAggregates(selection: AggregateSelection<TAggregateId>): Promise<number> {
    return this.#select(selection).length;
  }

  #select(selection: AggregateSelection<TAggregateId>): AggregateRef<TAggregateId>[] {
    const { tenantId, aggregateIds, acceptedFrom, acceptedTo } = selection;
    const ids = aggregateIds === undefined ? undefined : new Set(aggregateIds);
    const isAccepted = ({ acceptedAt }: Event) =>
      (acceptedFrom === undefined || acceptedAt >= acceptedFrom) &&
      (acceptedTo === undefined || acceptedAt < acceptedTo);
    return [...this.#tenants].flatMap(([tenant, aggregates]) =>
      tenantId !== undefined && tenant !== tenantId
        ? []
        : [...aggregates]
            .filter(([id, stored]) => ids?.has(id) !== false && [...stored.byId.values()].some(isAccepted))
            .map(([aggregateId]) => ({ tenantId: tenant, aggregateId })),
    );
  }
}

function compareRefs(a: readonly [string, string], b: readonly [string, string]): number {
  return compareUtf8(a[0], b[0]) || compareUtf8(a[1], b[1]);
}

function copyEvent<TEvent extends Event>(event: TEvent): TEvent {
  assertEvent(event);
  try {
    return structuredClone(event);
  } catch (cause) {
    throw new EventSourcingError(
      "INVALID_EVENT",
      `Event ${JSON.stringify(event.id.slice(0, 64))}: it holds a value that cannot be copied, such as a function.`,
      { cause, fields: { aggregateId: event.aggregateId.slice(0, 64), eventId: event.id.slice(0, 64) } },
    );
  }
}

/** Values that nobody can change the store by. */
function handOut<TEvent>(
  stored: StoredEvents<TEvent> | undefined,
  events: readonly TEvent[],
): readonly TEvent[] {
  return stored?.immutable === false ? structuredClone(events) : events;
}

function watermarkOf<TAggregateId extends string, TEvent extends Event>(
  aggregateId: TAggregateId,
  stored: StoredEvents<TEvent>,
): AggregateWatermark<TAggregateId> {
  let acceptedSum = 0n;
  let lastAcceptedAt = 0n;
  for (const { acceptedAt } of stored.byId.values()) {
    acceptedSum += acceptedAt;
    if (acceptedAt > lastAcceptedAt) lastAcceptedAt = acceptedAt;
  }
  return { aggregateId, eventCount: stored.byId.size, acceptedSum, lastAcceptedAt };
}

function pageOf<TItem>(
  items: readonly TItem[],
  idOf: (item: TItem) => string,
  options?: PageOptions,
): Page<TItem> {
  const limit = pageLimit(options);
  const after = options?.cursor === undefined ? undefined : decodeCursor(options.cursor);
  const rest = items
    .filter((item) => after === undefined || compareUtf8(idOf(item), after) > 0)
    .sort((a, b) => compareUtf8(idOf(a), idOf(b)));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page,
    nextCursor: rest.length > limit && last !== undefined ? encodeCursor(idOf(last)) : null,
  };
}
