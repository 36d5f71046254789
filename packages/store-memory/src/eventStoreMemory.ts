import {
  type AggregateRef,
  type AggregateSelection,
  type AggregateSource,
  type AggregateWatermark,
  assertAggregateId,
  createEventStream,
  type Event,
  type EventCodec,
  EventSourcingError,
  type EventStore,
  type EventStoreContext,
  isEventSourcingError,
  type KnownEvents,
  type ListChangedOptions,
  type Page,
  type PageOptions,
  parseTenantId,
  type TenantId,
  tenantOf,
} from "@es/core";
import {
  assertEvent,
  compareIds,
  decodeCursor,
  decodeRefCursor,
  encodeCursor,
  encodeRefCursor,
  freezeJson,
  jsonText,
  pageLimit,
} from "@es/core/adapter";

export interface EventStoreMemoryOptions<TEvent extends Event> {
  /** For events that are no JSON values: those of a table with columns of its own. @default JSON */
  readonly codec?: EventCodec<TEvent>;
}

/** An aggregate's events. */
interface StoredEvents<TEvent> {
  /** With a codec not for callers: it gives each a copy. */
  readonly byId: Map<string, TEvent>;
  /** In order, frozen; `undefined` when something was stored since. */
  ordered: readonly TEvent[] | undefined;
}

/**
 * An event store for tests, examples and embedded use: it forgets everything when the process ends. It takes and refuses
 * what the generic table of a database would: JSON values, or what a codec keeps. JSON events come out frozen, those of a
 * codec as copies.
 *
 * `TEvent` is `never` unless given or inferred, so that a store without a type fits any pipeline and nothing else.
 */
export class EventStoreMemory<TEvent extends Event = never, TAggregateId extends string = string>
  implements EventStore<TAggregateId, TEvent>, AggregateSource<TAggregateId>
{
  readonly #tenants = new Map<TenantId, Map<TAggregateId, StoredEvents<TEvent>>>();
  readonly #codec: EventCodec<TEvent> | undefined;

  constructor({ codec }: EventStoreMemoryOptions<TEvent> = {}) {
    this.#codec = codec;
  }

  async storeEvents(events: readonly TEvent[], context: EventStoreContext): Promise<void> {
    const tenantId = tenantOf(context);
    const copies = events.map((event) => this.#copyIn(event));
    if (copies.length === 0) return;
    const tenant = this.#tenants.get(tenantId) ?? new Map<TAggregateId, StoredEvents<TEvent>>();
    this.#tenants.set(tenantId, tenant);
    for (const event of copies) {
      const aggregateId = event.aggregateId as TAggregateId;
      let stored = tenant.get(aggregateId);
      if (stored === undefined) {
        stored = { byId: new Map(), ordered: undefined };
        tenant.set(aggregateId, stored);
      }
      const other = stored.byId.get(event.id);
      if (other !== undefined && event.acceptedAt <= other.acceptedAt) continue;
      stored.byId.set(event.id, event);
      stored.ordered = undefined;
    }
  }

  async getEvents(aggregateId: TAggregateId, context: EventStoreContext): Promise<readonly TEvent[]> {
    const stored = this.#tenants.get(tenantOf(context))?.get(aggregateId);
    if (stored === undefined) {
      assertAggregateId(aggregateId);
      return NO_EVENTS;
    }
    stored.ordered ??= Object.freeze(createEventStream(aggregateId, [...stored.byId.values()]).events);
    return this.#handOut(stored.ordered);
  }

  async getEventsOfMany(
    aggregateIds: readonly TAggregateId[],
    context: EventStoreContext,
  ): Promise<ReadonlyMap<TAggregateId, readonly TEvent[]>> {
    tenantOf(context);
    const read = new Map<TAggregateId, readonly TEvent[]>();
    for (const aggregateId of aggregateIds) read.set(aggregateId, await this.getEvents(aggregateId, context));
    return read;
  }

  async getChangedEvents(
    aggregateId: TAggregateId,
    known: KnownEvents,
    context: EventStoreContext,
  ): Promise<readonly TEvent[] | null> {
    const stored = this.#stored(aggregateId, context);
    const changed: TEvent[] = [];
    let found = 0;
    for (const event of stored?.byId.values() ?? []) {
      const before = known.acceptedAtOf(event.id);
      if (before !== undefined) found++;
      if (before === undefined || before < event.acceptedAt) changed.push(event);
    }
    if (found < known.eventCount) return null;
    return this.#handOut(Object.freeze(changed));
  }

  async getEventsById(
    aggregateId: TAggregateId,
    eventIds: readonly string[],
    context: EventStoreContext,
  ): Promise<readonly TEvent[]> {
    const stored = this.#stored(aggregateId, context);
    const found = [...new Set(eventIds)].flatMap((id) => stored?.byId.get(id) ?? []);
    return this.#handOut(Object.freeze(found));
  }

  /** Of all who ever stored an event, in no order. */
  listTenantIds(): readonly TenantId[] {
    return [...this.#tenants.keys()];
  }

  async listAggregateIds(context: EventStoreContext, options?: PageOptions): Promise<Page<TAggregateId>> {
    return pageOf([...(this.#tenants.get(tenantOf(context))?.keys() ?? [])], (id) => id, options);
  }

  async listChangedAggregates(
    context: EventStoreContext,
    options: ListChangedOptions,
  ): Promise<Page<AggregateWatermark<TAggregateId>>> {
    const watermarks = [...(this.#tenants.get(tenantOf(context)) ?? [])].map(([aggregateId, stored]) =>
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

  #stored(aggregateId: TAggregateId, context: EventStoreContext): StoredEvents<TEvent> | undefined {
    const tenantId = tenantOf(context);
    assertAggregateId(aggregateId);
    return this.#tenants.get(tenantId)?.get(aggregateId);
  }

  #copyIn(event: TEvent): TEvent {
    assertEvent(event);
    try {
      return this.#codec === undefined ? jsonCopy(event) : this.#codec.decode(this.#codec.encode(event));
    } catch (cause) {
      if (isEventSourcingError(cause)) throw cause;
      const [aggregateId, eventId] = [event.aggregateId.slice(0, 64), event.id.slice(0, 64)];
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EventSourcingError(
        "INVALID_EVENT",
        `Event ${JSON.stringify(eventId)} of aggregate ${JSON.stringify(aggregateId)} cannot be stored: ${reason}`,
        { cause, fields: { aggregateId, eventId } },
      );
    }
  }

  /** Frozen JSON as it is, everything else as the caller's own. */
  #handOut(events: readonly TEvent[]): readonly TEvent[] {
    const codec = this.#codec;
    return codec === undefined ? events : events.map((event) => codec.decode(codec.encode(event)));
  }

  #select(selection: AggregateSelection<TAggregateId>): AggregateRef<TAggregateId>[] {
    const { tenantId, aggregateIds, acceptedFrom, acceptedTo } = selection;
    if (tenantId !== undefined) parseTenantId(tenantId);
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

const NO_EVENTS: readonly never[] = Object.freeze([]);

function compareRefs(a: readonly [string, string], b: readonly [string, string]): number {
  return compareIds(a[0], b[0]) || compareIds(a[1], b[1]);
}

/** A frozen copy. @throws TypeError with the path to what is no JSON */
function jsonCopy<TEvent extends Event>({
  id,
  aggregateId,
  type,
  occurredAt,
  acceptedAt,
  data,
  metadata,
}: TEvent): TEvent {
  const copy: Event = {
    id,
    aggregateId,
    type,
    occurredAt,
    acceptedAt,
    data: data === undefined ? undefined : copyJson(data, "data"),
    ...(metadata === undefined ? {} : { metadata: copyJson(metadata, "metadata") }),
  };
  return Object.freeze(copy) as TEvent;
}

function copyJson<TValue>(value: TValue, name: string): TValue {
  return freezeJson(JSON.parse(jsonText(value, name)) as TValue);
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
    .filter((item) => after === undefined || compareIds(idOf(item), after) > 0)
    .sort((a, b) => compareIds(idOf(a), idOf(b)));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page,
    nextCursor: rest.length > limit && last !== undefined ? encodeCursor(idOf(last)) : null,
  };
}
