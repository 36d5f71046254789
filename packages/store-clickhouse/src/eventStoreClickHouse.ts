import { setImmediate as nextTurn } from "node:timers/promises";
import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import {
  type AggregateRef,
  type AggregateWatermark,
  assertAggregateId,
  createEventStream,
  type Event,
  EventSourcingError,
  type EventStore,
  type EventStoreContext,
  isEventSourcingError,
  type KnownEvents,
  type ListChangedOptions,
  type Page,
  type PageOptions,
  type TenantId,
  tenantOf,
} from "@es/core";
import {
  assertEvent,
  decodeCursor,
  encodeCursor,
  pageLimit,
  telemetryNames,
  wholeNumber,
  withSpan,
} from "@es/core/adapter";
import { type Attributes, type Link, type Span, SpanKind } from "@opentelemetry/api";
import { parameterBytes, refSize } from "./aggregateRows.js";
import { allChanges, provenChanges, type StampedId } from "./changedEvents.js";
import {
  classifyClickHouseError,
  isOverload,
  isResultTooLarge,
  mayBeFaultOfOne,
  type Operation,
} from "./clickHouseErrors.js";
import { Coalescer, type Settled } from "./coalescer.js";
import { readEventRows, selectedEventColumns } from "./eventRows.js";
import { eventsTable } from "./eventsTable.js";
import type { EventTable } from "./eventTable.js";
import { areText, qualifiedName, quoteIdentifier } from "./identifier.js";
import {
  type EncodedRows,
  insertChunks,
  insertLines,
  insertStatement,
  LineChunks,
  type Lines,
} from "./insertLines.js";
import { repeating } from "./lostConnection.js";
import { type AggregateAsked, readDistinct, valuesOf } from "./readDistinct.js";
import { insertSettings, readSettings } from "./requestSettings.js";
import {
  DEFAULT_MAX_AGGREGATE_BYTES,
  defaultReadLimits,
  defaultWriteLimits,
  MAX_SHARED_RESULT_BYTES,
  mergeLimits,
} from "./storeLimits.js";
import type { StoreClickHouseOptions } from "./storeOptions.js";
import {
  aggregateAttributes,
  linkTo,
  roundTripOptions,
  storeSpanNames,
  storeTracer,
  throttleTelemetry,
} from "./telemetry.js";

export interface EventStoreClickHouseOptions<TEvent extends Event = Event> extends StoreClickHouseOptions {
  /**
   * The table of the events. Spans have their own table: to read them, use `EventStoreClickHouse` or
   * `spanEventStoreClickHouse` of `@es/trace-clickhouse`. This store would return `no-events` for every trace.
   * @default eventsTable(): the generic `events`
   */
  readonly table?: EventTable<TEvent>;
  /**
   * Bytes of one aggregate's events, as ClickHouse counts them in a result. A read of more is refused as
   * `AGGREGATE_TOO_LARGE`: it would be of no use to end the process for it. @default 268 435 456
   */
  readonly maxAggregateBytes?: number;
}

interface EventWrite {
  readonly tenantId: TenantId;
  readonly rows: Lines | EncodedRows;
  readonly link: Link | undefined;
}

const NAME = "EventStoreClickHouse";
/** How long making rows may hold up everything else at a time, milliseconds. */
const ENCODE_SLICE_MS = 3;
const TIME_LIMIT = 1n << 64n;
/**
 * So long before the newest event that is known others may have been accepted that were not stored yet. Where it was longer
 * the ids of all events are compared, which takes longer and misses nothing either.
 */
const CHANGE_WINDOW_NANOS = 5_000_000_000n;
/** Of the ids in one query: ClickHouse takes parameters of up to 128 KiB. */
const MAX_IDS_BYTES = 96 * 2 ** 10;
/** More changed events than this, and than are known, are read like any other aggregate. */
const MAX_CHANGED = 10_000;
const { attributes } = telemetryNames;

/**
 * Events in a ClickHouse table. Calls in flight share round trips: make one store per table and process. The client
 * stays the caller's to close.
 *
 * `TEvent` is `never` unless given or inferred, so that a store without a type fits any pipeline and nothing else.
 */
export class EventStoreClickHouse<TEvent extends Event = never, TAggregateId extends string = string>
  implements EventStore<TAggregateId, TEvent>
{
  readonly #client: ClickHouseClient;
  readonly #table: EventTable<TEvent>;
  readonly #name: string;
  readonly #reads: Coalescer<AggregateAsked, readonly TEvent[]>;
  /** One aggregate each: they share limits and turns, not round trips. */
  readonly #readsOfSome: Coalescer<ReadOfSome<TEvent>, readonly TEvent[] | null>;
  readonly #writes: Coalescer<EventWrite, void>;
  readonly #maxWriteBytes: number;
  readonly #maxAggregateBytes: number;
  readonly #readSettings: ClickHouseSettings;
  readonly #insertSettings: ClickHouseSettings;
  readonly #sql: EventSql;

  constructor(client: ClickHouseClient, options: EventStoreClickHouseOptions<TEvent> = {}) {
    this.#client = repeating(client);
    // Without a table the caller says what the events are by the type argument alone.
    this.#table = options.table ?? (eventsTable() as unknown as EventTable<TEvent>);
    this.#name = qualifiedName(options.database, this.#table.name);
    this.#sql = eventSql(this.#name, this.#table);
    this.#readSettings = { ...readSettings, ...options.readSettings };
    this.#insertSettings = { ...insertSettings, ...options.insertSettings };
    const writeLimits = mergeLimits(defaultWriteLimits, options.writeLimits);
    this.#maxWriteBytes = writeLimits.maxBytes;
    this.#maxAggregateBytes = wholeNumber(
      "maxAggregateBytes",
      options.maxAggregateBytes ?? DEFAULT_MAX_AGGREGATE_BYTES,
      1,
    );
    const isolates = (error: unknown) => isEventSourcingError(error) && mayBeFaultOfOne(error);
    const reads = {
      ...mergeLimits(defaultReadLimits, options.readLimits),
      name: `${NAME} reads of ${this.#name}`,
      ownerOf: ({ tenantId }: { readonly tenantId: TenantId }) => tenantId,
      mayBeFaultOfOne: isolates,
      isOverload,
      onThrottle: throttleTelemetry(this.#name, "SELECT"),
    };
    this.#reads = new Coalescer<AggregateAsked, readonly TEvent[]>({
      ...reads,
      sizeOf: refSize,
      run: (asked) => this.#readMany(asked),
    });
    this.#readsOfSome = new Coalescer<ReadOfSome<TEvent>, readonly TEvent[] | null>({
      ...reads,
      maxItems: 1,
      sizeOf: () => 1,
      run: async (asked) => {
        const outcomes: Settled<readonly TEvent[] | null>[] = [];
        for (const { read } of asked) outcomes.push({ ok: true, value: await read() });
        return outcomes;
      },
    });
    this.#writes = new Coalescer<EventWrite, void>({
      ...writeLimits,
      name: `${NAME} writes to ${this.#name}`,
      sizeOf: ({ rows }) => (isEncoded(rows) ? rows.byteLength : rows.bytes),
      ownerOf: ({ tenantId }) => tenantId,
      mayBeFaultOfOne: isolates,
      isOverload,
      onThrottle: throttleTelemetry(this.#name, "INSERT"),
      run: (writes) => this.#writeMany(writes),
    });
  }

  async storeEvents(events: readonly TEvent[], context: EventStoreContext): Promise<void> {
    const tenantId = tenantOf(context);
    const about = { [attributes.tenantId]: tenantId, [attributes.eventCount]: events.length };
    return this.#call("storeEvents", about, async (span) => {
      await this.#submit(await this.#encodeAll(events, tenantId), tenantId, span);
    });
  }

  /**
   * `storeEvents` for a caller who has encoded the rows: of events that `assertEvent` accepts, with this tenant, as
   * `toRow` of the table has them. But for the tenant of the context, nothing of that is checked here.
   *
   * @throws EventSourcingError what `storeEvents` throws, but for `INVALID_EVENT` and `INVALID_AGGREGATE_ID`
   */
  async storeEncodedRows(blocks: readonly EncodedRows[], context: EventStoreContext): Promise<void> {
    const tenantId = tenantOf(context);
    const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
    const about = { [attributes.tenantId]: tenantId, [attributes.eventCount]: rows };
    return this.#call("storeEncodedRows", about, (span) => this.#submit(blocks, tenantId, span));
  }

  async getEvents(aggregateId: TAggregateId, context: EventStoreContext): Promise<readonly TEvent[]> {
    const tenantId = tenantOf(context);
    const about = aggregateAttributes(tenantId, aggregateId, this.#table.aggregatesAreTraces);
    return this.#call("getEvents", about, async (span) => {
      assertAggregateId(aggregateId);
      const events = await this.#reads.submit({ tenantId, aggregateId, link: linkTo(span) });
      span.setAttribute(attributes.eventCount, events.length);
      return events;
    });
  }

  async getEventsOfMany(
    aggregateIds: readonly TAggregateId[],
    context: EventStoreContext,
  ): Promise<ReadonlyMap<TAggregateId, readonly TEvent[]>> {
    const tenantId = tenantOf(context);
    const about = { [attributes.tenantId]: tenantId, [attributes.aggregateCount]: aggregateIds.length };
    return this.#call("getEventsOfMany", about, (span) =>
      readDistinct(this.#reads, aggregateIds, { tenantId, link: linkTo(span) }),
    );
  }

  async getChangedEvents(
    aggregateId: TAggregateId,
    known: KnownEvents,
    context: EventStoreContext,
  ): Promise<readonly TEvent[] | null> {
    const ref = { tenantId: tenantOf(context), aggregateId };
    return this.#readSome("getChangedEvents", ref, async () => {
      const changedIds = await this.#changedIds(ref, known);
      if (changedIds === null) return null;
      if (changedIds.length > Math.max(MAX_CHANGED, known.eventCount)) return null;
      const events = await this.#eventsById(ref, changedIds);
      // Some have expired meanwhile.
      return events.length < changedIds.length ? null : this.#handOut(events);
    });
  }

  async getEventsById(
    aggregateId: TAggregateId,
    eventIds: readonly string[],
    context: EventStoreContext,
  ): Promise<readonly TEvent[]> {
    const ref = { tenantId: tenantOf(context), aggregateId };
    const distinct = [...new Set(eventIds)];
    const events = await this.#readSome("getEventsById", ref, () => this.#eventsById(ref, distinct));
    return this.#handOut(events ?? []);
  }

  async listAggregateIds(context: EventStoreContext, options?: PageOptions): Promise<Page<TAggregateId>> {
    const tenantId = tenantOf(context);
    return this.#call("listAggregateIds", { [attributes.tenantId]: tenantId }, async () => {
      const limit = pageLimit(options);
      const after = options?.cursor === undefined ? "" : decodeCursor(options.cursor);
      const rows = await this.#query<{ readonly id: string }>(
        "listAggregateIds",
        this.#sql.listAggregateIds,
        {
          tenantId,
          after,
          limit: limit + 1,
        },
      );
      return pageOf(
        rows.map(({ id }) => id as TAggregateId),
        limit,
        (id) => id,
      );
    });
  }

  async listChangedAggregates(
    context: EventStoreContext,
    options: ListChangedOptions,
  ): Promise<Page<AggregateWatermark<TAggregateId>>> {
    const tenantId = tenantOf(context);
    return this.#call("listChangedAggregates", { [attributes.tenantId]: tenantId }, async () => {
      const limit = pageLimit(options);
      const after = options.cursor === undefined ? "" : decodeCursor(options.cursor);
      if (options.since >= TIME_LIMIT) return { items: [], nextCursor: null };
      const rows = await this.#query<WatermarkRow>("listChangedAggregates", this.#sql.listChangedAggregates, {
        tenantId,
        after,
        since: String(options.since < 0n ? 0n : options.since),
        limit: limit + 1,
      });
      return pageOf(
        rows.map((row) => ({
          aggregateId: row.id as TAggregateId,
          eventCount: Number(row.eventCount),
          acceptedSum: BigInt(row.acceptedSum),
          lastAcceptedAt: BigInt(row.lastAcceptedAt),
        })),
        limit,
        ({ aggregateId }) => aggregateId,
      );
    });
  }

  /** Where nobody can change the events nobody can change their list either. Else both are the caller's own. */
  #handOut(events: readonly TEvent[]): readonly TEvent[] {
    return this.#table.givesFrozen === true ? Object.freeze(events) : events;
  }

  async #submit(chunks: readonly (Lines | EncodedRows)[], tenantId: TenantId, span: Span): Promise<void> {
    const link = linkTo(span);
    const outcomes = await this.#writes.submitAll(chunks.map((rows) => ({ tenantId, rows, link })));
    valuesOf(outcomes);
  }

  /** One span per call; errors leave as this family's, whatever they were. */
  #call<T>(name: string, about: Attributes, work: (span: Span) => Promise<T>): Promise<T> {
    return withSpan(storeTracer, `${NAME}.${name}`, { kind: SpanKind.CLIENT, attributes: about }, work);
  }

  #operation(name: string): Operation {
    return { name: `${NAME}.${name}`, table: this.#name, component: this.#table.migrations.component };
  }

  #readSome(
    name: string,
    ref: AggregateRef<TAggregateId>,
    read: () => Promise<readonly TEvent[] | null>,
  ): Promise<readonly TEvent[] | null> {
    const about = aggregateAttributes(ref.tenantId, ref.aggregateId, this.#table.aggregatesAreTraces);
    return this.#call(name, about, async (span) => {
      assertAggregateId(ref.aggregateId);
      const events = await this.#readsOfSome.submit({ tenantId: ref.tenantId, read });
      span.setAttribute(attributes.eventCount, events?.length ?? 0);
      return events;
    });
  }

  async #changedIds(
    { tenantId, aggregateId }: AggregateRef,
    known: KnownEvents,
  ): Promise<readonly string[] | null> {
    const after = known.lastAcceptedAt - CHANGE_WINDOW_NANOS;
    const [index] = await this.#query<ChangeIndexRow>("getChangedEvents", this.#sql.changeIndex, {
      tenantId,
      aggregateId,
      after: String(after < 0n ? 0n : after),
    });
    if (index === undefined) return null;
    const proven = provenChanges(
      { ...index, rowCount: Number(index.rowCount), acceptedSum: BigInt(index.acceptedSum) },
      known,
    );
    if (proven !== undefined) return proven;
    const [stored] = await this.#query<{ readonly events: readonly StampedId[] }>(
      "getChangedEvents",
      this.#sql.stampedIds,
      { tenantId, aggregateId },
    );
    return allChanges(stored?.events ?? [], known);
  }

  async #eventsById(ref: AggregateRef, eventIds: readonly string[]): Promise<readonly TEvent[]> {
    const events: TEvent[] = [];
    for (const ids of chunksOfIds(eventIds)) {
      let undecodable: UndecodableRow | null = null;
      let rows = 0;
      try {
        await readEventRows(
          this.#client,
          this.#table,
          {
            sql: this.#sql.getEventsById,
            parameters: { eventIds: ids },
            settings: { ...this.#readSettings, max_result_bytes: String(this.#maxAggregateBytes) },
          },
          [ref],
          (row) => {
            rows++;
            if ("event" in row) events.push(row.event);
            else undecodable ??= row;
          },
        );
      } catch (error) {
        if (isResultTooLarge(error)) throw this.#tooLarge(ref, error);
        throw classifyClickHouseError(error, this.#operation("getEventsById"));
      }
      if (undecodable !== null) throw this.#undecodable(ref, undecodable, rows);
    }
    return events;
  }

  /** All rows are made before any is written. Other work gets its turns in between. */
  async #encodeAll(events: readonly TEvent[], tenantId: TenantId): Promise<readonly Lines[]> {
    const chunks = new LineChunks(this.#maxWriteBytes);
    let sliceEnd = performance.now() + ENCODE_SLICE_MS;
    for (const event of events) {
      chunks.add(this.#encode(event, tenantId));
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      sliceEnd = performance.now() + ENCODE_SLICE_MS;
    }
    return chunks.finish();
  }

  #encode(event: TEvent, tenantId: TenantId): string {
    assertEvent(event);
    try {
      return JSON.stringify(this.#table.toRow(event, tenantId));
    } catch (cause) {
      if (isEventSourcingError(cause)) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EventSourcingError(
        "INVALID_EVENT",
        `Event ${JSON.stringify(event.id.slice(0, 64))} of aggregate ` +
          `${JSON.stringify(event.aggregateId.slice(0, 64))} does not fit ${this.#name}: ${reason}`,
        { cause, fields: { tenantId, aggregateId: event.aggregateId, eventId: event.id } },
      );
    }
  }

  async #writeMany(writes: readonly EventWrite[]): Promise<readonly Settled<void>[]> {
    const links = writes.map(({ link }) => link);
    return withSpan(
      storeTracer,
      `${NAME}.${storeSpanNames.roundTrip}`,
      roundTripOptions(this.#name, "INSERT", links),
      async () => {
        const lines: Lines[] = [];
        const blocks: Uint8Array[] = [];
        for (const { rows } of writes) {
          if (isEncoded(rows)) blocks.push(rows.bytes);
          else lines.push(rows);
        }
        const { insert, insertNative } = this.#sql;
        try {
          if (lines.length > 0) await insertLines(this.#client, insert, lines, this.#insertSettings);
          if (blocks.length > 0) await insertChunks(this.#client, insertNative, blocks, this.#insertSettings);
        } catch (error) {
          throw classifyClickHouseError(error, this.#operation("storeEvents"));
        }
        return writes.map(() => ({ ok: true, value: undefined }));
      },
    );
  }

  async #readMany(reads: readonly AggregateAsked[]): Promise<readonly Settled<readonly TEvent[]>[]> {
    const links = reads.map(({ link }) => link);
    return withSpan(
      storeTracer,
      `${NAME}.${storeSpanNames.roundTrip}`,
      roundTripOptions(this.#name, "SELECT", links),
      async () => {
        // Each caller gets values of its own, also where two asked for the same aggregate.
        const found = reads.map((): ReadSoFar<TEvent> => ({ rows: 0, events: [], undecodable: null }));
        try {
          await readEventRows(
            this.#client,
            this.#table,
            {
              sql: this.#sql.getEvents,
              settings: {
                ...this.#readSettings,
                // An aggregate beyond its limit ends up alone, however it was asked for.
                max_result_bytes: String(
                  reads.length === 1
                    ? this.#maxAggregateBytes
                    : Math.min(MAX_SHARED_RESULT_BYTES, this.#maxAggregateBytes),
                ),
              },
            },
            reads,
            (row, place) => {
              const mine = found[place];
              if (mine === undefined) return;
              mine.rows++;
              if ("event" in row) mine.events.push(row.event);
              else mine.undecodable ??= row;
            },
          );
        } catch (error) {
          if (reads.length === 1 && isResultTooLarge(error))
            throw this.#tooLarge(reads[0] as AggregateAsked, error);
          throw classifyClickHouseError(error, this.#operation("getEvents"));
        }
        return found.map(({ rows, events, undecodable }, place): Settled<readonly TEvent[]> => {
          if (undecodable !== null) {
            return { ok: false, error: this.#undecodable(reads[place] as AggregateAsked, undecodable, rows) };
          }
          const { events: ordered } = createEventStream(reads[place]?.aggregateId ?? "", events);
          return { ok: true, value: this.#handOut(ordered) };
        });
      },
    );
  }

  #tooLarge({ tenantId, aggregateId }: AggregateRef, cause: unknown): EventSourcingError {
    return new EventSourcingError(
      "AGGREGATE_TOO_LARGE",
      `The events of aggregate ${JSON.stringify(aggregateId.slice(0, 64))} (tenant ${JSON.stringify(tenantId)}) in ` +
        `${this.#name} are more than the ${this.#maxAggregateBytes} bytes that are read of one. Raise ` +
        "maxAggregateBytes, and the memory of the process with it.",
      { cause, fields: { table: this.#name, tenantId, aggregateId, maxBytes: this.#maxAggregateBytes } },
    );
  }

  #undecodable(
    { tenantId, aggregateId }: AggregateRef,
    { eventId, cause }: UndecodableRow,
    eventCount: number,
  ): EventSourcingError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new EventSourcingError(
      "EVENT_UNDECODABLE",
      `Event ${JSON.stringify(eventId.slice(0, 64))} of aggregate ${JSON.stringify(aggregateId.slice(0, 64))} ` +
        `(tenant ${JSON.stringify(tenantId)}) in ${this.#name} cannot be decoded: ${reason}`,
      { cause, fields: { table: this.#name, tenantId, aggregateId, eventId, eventCount } },
    );
  }

  async #query<TRow>(
    operation: string,
    query: string,
    parameters: Readonly<Record<string, unknown>>,
  ): Promise<readonly TRow[]> {
    try {
      const result = await this.#client.query({
        query,
        format: "JSONEachRow",
        query_params: parameters,
        use_multipart_params_auto: true,
        clickhouse_settings: this.#readSettings,
      });
      return await result.json<TRow>();
    } catch (error) {
      throw classifyClickHouseError(error, this.#operation(operation));
    }
  }
}

function isEncoded(rows: Lines | EncodedRows): rows is EncodedRows {
  return "format" in rows;
}

interface UndecodableRow {
  readonly eventId: string;
  readonly cause: unknown;
}

/** A read of some events of one aggregate. */
interface ReadOfSome<TEvent> {
  readonly tenantId: TenantId;
  readonly read: () => Promise<readonly TEvent[] | null>;
}

interface ChangeIndexRow {
  readonly rowCount: string;
  readonly acceptedSum: string;
  readonly recent: readonly StampedId[];
}

interface ReadSoFar<TEvent> {
  /** One per event: the query leaves one row of each. */
  rows: number;
  readonly events: TEvent[];
  /** The first one. */
  undecodable: UndecodableRow | null;
}

interface WatermarkRow {
  readonly id: string;
  readonly eventCount: string;
  readonly acceptedSum: string;
  readonly lastAcceptedAt: string;
}

interface EventSql {
  readonly insert: string;
  readonly insertNative: string;
  readonly getEvents: string;
  readonly getEventsById: string;
  readonly changeIndex: string;
  readonly stampedIds: string;
  readonly listAggregateIds: string;
  readonly listChangedAggregates: string;
}

/**
 * None of these trusts merges: rows of one event are made one here, by the engine's own rule. FINAL would do the same
 * and takes twice as long on batches.
 */
function eventSql<TEvent extends Event>(tableName: string, table: EventTable<TEvent>): EventSql {
  const { columns } = table;
  const [tenant, aggregate, event, accepted] = [
    columns.tenantId,
    columns.aggregateId,
    columns.eventId,
    columns.acceptedAt,
  ].map(quoteIdentifier) as [string, string, string, string];
  const selected = selectedEventColumns(table);
  const ofRefs = `(${tenant}, ${aggregate}) IN {refs: Array(Tuple(String, String))}`;
  const ofOne = `${tenant} = {tenantId: String} AND ${aggregate} = {aggregateId: String}`;
  const getEventsWhere = (condition: string) =>
    `SELECT ${selected} FROM ${tableName} PREWHERE ${condition} ` +
    `ORDER BY ${tenant}, ${aggregate}, ${event}, ${accepted} DESC ` +
    `LIMIT 1 BY ${tenant}, ${aggregate}, ${event}`;
  return {
    insert: insertStatement(tableName, table.insertColumns),
    insertNative: insertStatement(tableName, table.insertColumns, "Native"),
    getEvents: getEventsWhere(ofRefs),
    getEventsById: getEventsWhere(`${ofRefs} AND ${event} IN {eventIds: Array(String)}`),
    // Over small columns only, and without telling rows of one event apart: what it says is a proof or nothing.
    changeIndex:
      "SELECT toString(count()) AS rowCount, toString(sum(toUInt128(accepted))) AS acceptedSum, " +
      "groupArrayIf((id, toString(accepted)), accepted >= {after: UInt64}) AS recent " +
      `FROM (SELECT ${event} AS id, ${accepted} AS accepted FROM ${tableName} WHERE ${ofOne})`,
    stampedIds:
      "SELECT groupArray((id, toString(lastAccepted))) AS events FROM (" +
      `SELECT ${event} AS id, max(${accepted}) AS lastAccepted FROM ${tableName} WHERE ${ofOne} ` +
      `GROUP BY ${event})`,
    listAggregateIds:
      `SELECT ${aggregate} AS id FROM ${tableName} ` +
      `WHERE ${tenant} = {tenantId: String} AND ${aggregate} > {after: String} AND ${areText(aggregate)} ` +
      `ORDER BY ${aggregate} LIMIT 1 BY ${aggregate} LIMIT {limit: UInt64}`,
    // GLOBAL: on a cluster the inner page is computed once, not per shard. On one server it changes nothing.
    listChangedAggregates:
      "SELECT id, toString(count()) AS eventCount, toString(sum(toUInt128(lastAccepted))) AS acceptedSum, " +
      "toString(max(lastAccepted)) AS lastAcceptedAt FROM (" +
      `SELECT ${aggregate} AS id, max(${accepted}) AS lastAccepted FROM ${tableName} ` +
      `WHERE ${tenant} = {tenantId: String} AND ${aggregate} GLOBAL IN (` +
      `SELECT ${aggregate} FROM ${tableName} ` +
      `WHERE ${tenant} = {tenantId: String} AND ${aggregate} > {after: String} AND ${areText(aggregate)} ` +
      `AND ${accepted} >= {since: UInt64} ` +
      `ORDER BY ${aggregate} LIMIT 1 BY ${aggregate} LIMIT {limit: UInt64}` +
      `) GROUP BY ${aggregate}, ${event}) GROUP BY id ORDER BY id`,
  };
}

function* chunksOfIds(eventIds: readonly string[]): Generator<readonly string[]> {
  let chunk: string[] = [];
  let bytes = 0;
  for (const id of eventIds) {
    const size = parameterBytes(id) + "'',".length;
    if (chunk.length > 0 && bytes + size > MAX_IDS_BYTES) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(id);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

function pageOf<TItem>(rows: readonly TItem[], limit: number, idOf: (item: TItem) => string): Page<TItem> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items,
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(idOf(last)) : null,
  };
}
