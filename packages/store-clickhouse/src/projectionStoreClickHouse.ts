import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import {
  assertAggregateId,
  EventSourcingError,
  isEventSourcingError,
  type ProjectionRead,
  type ProjectionRecord,
  type ProjectionStore,
  type ProjectionStoreContext,
  parseProjectionVersion,
  type TenantId,
  tenantOf,
} from "@es/core";
import { readProjectionTexts, telemetryNames, withSpan } from "@es/core/adapter";
import { type Attributes, type Link, type Span, SpanKind } from "@opentelemetry/api";
import { readAggregateRows, refSize, selectList } from "./aggregateRows.js";
import { classifyClickHouseError, isOverload, mayBeFaultOfOne, type Operation } from "./clickHouseErrors.js";
import { Coalescer, type Settled } from "./coalescer.js";
import type { Row } from "./eventTable.js";
import { qualifiedName, quoteIdentifier, quoteString } from "./identifier.js";
import { insertChunks } from "./insertLines.js";
import { repeating } from "./lostConnection.js";
import { type ProjectionRows, projectionRows } from "./projectionRows.js";
import { projectionsTable } from "./projectionsTable.js";
import type { ProjectionTable } from "./projectionTable.js";
import { type AggregateAsked, readDistinct, valuesOf } from "./readDistinct.js";
import { insertSettings, readSettings } from "./requestSettings.js";
import {
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

export interface ProjectionStoreClickHouseOptions<TProjection = unknown> extends StoreClickHouseOptions {
  /** @default projectionsTable(): the generic `projections` */
  readonly table?: ProjectionTable<TProjection>;
}

interface ProjectionWrite {
  readonly tenantId: TenantId;
  readonly row: Uint8Array;
  readonly link: Link | undefined;
}

const NAME = "ProjectionStoreClickHouse";
/** Of the version as text: JSON numbers end at 64 bits. */
const VERSION = "__version";
const { attributes, events } = telemetryNames;

/**
 * Projections in a ClickHouse table. Calls in flight share round trips: make one store per table and process. The client
 * stays the caller's to close.
 *
 * `TProjection` is `never` unless given or inferred, so that a store without a type fits any pipeline and nothing else.
 */
export class ProjectionStoreClickHouse<TProjection = never, TAggregateId extends string = string>
  implements ProjectionStore<TAggregateId, TProjection>
{
  readonly #client: ClickHouseClient;
  readonly #table: ProjectionTable<TProjection>;
  readonly #name: string;
  readonly #reads: Coalescer<AggregateAsked, ProjectionRead<string, TProjection>>;
  readonly #writes: Coalescer<ProjectionWrite, void>;
  readonly #readSettings: ClickHouseSettings;
  readonly #insertSettings: ClickHouseSettings;
  readonly #rows: ProjectionRows<TProjection>;
  readonly #getProjections: string;

  constructor(client: ClickHouseClient, options: ProjectionStoreClickHouseOptions<TProjection> = {}) {
    this.#client = repeating(client);
    this.#table = options.table ?? projectionsTable<TProjection>();
    this.#name = qualifiedName(options.database, this.#table.name);
    this.#rows = projectionRows(this.#name, this.#table);
    this.#getProjections = selectProjections(this.#name, this.#table);
    this.#readSettings = { ...readSettings, ...options.readSettings };
    this.#insertSettings = { ...insertSettings, ...options.insertSettings };
    const isolates = (error: unknown) => isEventSourcingError(error) && mayBeFaultOfOne(error);
    this.#reads = new Coalescer<AggregateAsked, ProjectionRead<string, TProjection>>({
      ...mergeLimits(defaultReadLimits, options.readLimits),
      name: `${NAME} reads of ${this.#name}`,
      sizeOf: refSize,
      ownerOf: ({ tenantId }) => tenantId,
      mayBeFaultOfOne: isolates,
      isOverload,
      onThrottle: throttleTelemetry(this.#name, "SELECT"),
      run: (reads) => this.#readMany(reads),
    });
    this.#writes = new Coalescer<ProjectionWrite, void>({
      ...mergeLimits(defaultWriteLimits, options.writeLimits),
      name: `${NAME} writes to ${this.#name}`,
      sizeOf: ({ row }) => row.byteLength,
      ownerOf: ({ tenantId }) => tenantId,
      mayBeFaultOfOne: isolates,
      isOverload,
      onThrottle: throttleTelemetry(this.#name, "INSERT"),
      run: (writes) => this.#writeMany(writes),
    });
  }

  /** Emits `projection.not_found` on its span when nothing is stored. */
  async getProjection(
    aggregateId: TAggregateId,
    context: ProjectionStoreContext,
  ): Promise<ProjectionRead<TAggregateId, TProjection>> {
    const tenantId = tenantOf(context);
    const about = aggregateAttributes(tenantId, aggregateId, this.#table.aggregatesAreTraces);
    return this.#call("getProjection", about, async (span) => {
      assertAggregateId(aggregateId);
      const read = await this.#reads.submit({ tenantId, aggregateId, link: linkTo(span) });
      span.setAttribute(attributes.outcome, read.status);
      if (read.status === "absent") span.addEvent(events.notFound, about);
      return read as ProjectionRead<TAggregateId, TProjection>;
    });
  }

  async getProjections(
    aggregateIds: readonly TAggregateId[],
    context: ProjectionStoreContext,
  ): Promise<ReadonlyMap<TAggregateId, ProjectionRead<TAggregateId, TProjection>>> {
    const tenantId = tenantOf(context);
    const about = { [attributes.tenantId]: tenantId, [attributes.aggregateCount]: aggregateIds.length };
    return this.#call(
      "getProjections",
      about,
      (span) =>
        readDistinct(this.#reads, aggregateIds, { tenantId, link: linkTo(span) }) as Promise<
          ReadonlyMap<TAggregateId, ProjectionRead<TAggregateId, TProjection>>
        >,
    );
  }

  async storeProjection(
    record: ProjectionRecord<TAggregateId, TProjection>,
    context: ProjectionStoreContext,
  ): Promise<void> {
    const tenantId = tenantOf(context);
    const about = aggregateAttributes(tenantId, record.aggregateId, this.#table.aggregatesAreTraces);
    return this.#call("storeProjection", about, (span) => this.#store([record], tenantId, span));
  }

  /** When one is refused by ClickHouse the others are stored all the same, and the call rejects with the first refusal. */
  async storeProjections(
    records: readonly ProjectionRecord<TAggregateId, TProjection>[],
    context: ProjectionStoreContext,
  ): Promise<void> {
    const tenantId = tenantOf(context);
    const about = { [attributes.tenantId]: tenantId, [attributes.aggregateCount]: records.length };
    return this.#call("storeProjections", about, (span) => this.#store(records, tenantId, span));
  }

  async #store(
    records: readonly ProjectionRecord<TAggregateId, TProjection>[],
    tenantId: TenantId,
    span: Span,
  ): Promise<void> {
    const link = linkTo(span);
    // All rows are made before any is written, and before the caller can change a record.
    const writes = records.map((record) => ({ tenantId, row: this.#encode(record, tenantId), link }));
    const outcomes = await this.#writes.submitAll(writes);
    valuesOf(outcomes);
  }

  #call<T>(name: string, about: Attributes, work: (span: Span) => Promise<T>): Promise<T> {
    return withSpan(storeTracer, `${NAME}.${name}`, { kind: SpanKind.CLIENT, attributes: about }, work);
  }

  #operation(name: string): Operation {
    return { name: `${NAME}.${name}`, table: this.#name, component: this.#table.migrations.component };
  }

  #encode(record: ProjectionRecord<TAggregateId, TProjection>, tenantId: TenantId): Uint8Array {
    assertAggregateId(record.aggregateId);
    try {
      return this.#rows.encode(record, tenantId);
    } catch (cause) {
      if (isEventSourcingError(cause)) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EventSourcingError(
        "STORE_REJECTED",
        `The projection of aggregate ${JSON.stringify(record.aggregateId.slice(0, 64))} does not fit ${this.#name}: ${reason}`,
        { cause, fields: { table: this.#name, tenantId, aggregateId: record.aggregateId } },
      );
    }
  }

  async #writeMany(writes: readonly ProjectionWrite[]): Promise<readonly Settled<void>[]> {
    const links = writes.map(({ link }) => link);
    return withSpan(
      storeTracer,
      `${NAME}.${storeSpanNames.roundTrip}`,
      roundTripOptions(this.#name, "INSERT", links),
      async () => {
        const rows = writes.map(({ row }) => row);
        try {
          await insertChunks(this.#client, this.#rows.insert, rows, this.#insertSettings);
        } catch (error) {
          throw classifyClickHouseError(error, this.#operation("storeProjection"));
        }
        return writes.map(() => ({ ok: true, value: undefined }));
      },
    );
  }

  async #readMany(
    reads: readonly AggregateAsked[],
  ): Promise<readonly Settled<ProjectionRead<string, TProjection>>[]> {
    const links = reads.map(({ link }) => link);
    return withSpan(
      storeTracer,
      `${NAME}.${storeSpanNames.roundTrip}`,
      roundTripOptions(this.#name, "SELECT", links),
      async () => {
        // Each caller gets values of its own, also where two asked for the same aggregate.
        const found = reads.map((): ProjectionRead<string, TProjection> => ({ status: "absent" }));
        try {
          await readAggregateRows(
            this.#client,
            {
              sql: this.#getProjections,
              tenantColumn: this.#table.columns.tenantId,
              aggregateColumn: this.#table.columns.aggregateId,
              settings:
                reads.length === 1
                  ? this.#readSettings
                  : { ...this.#readSettings, max_result_bytes: String(MAX_SHARED_RESULT_BYTES) },
            },
            reads,
            (row, place) => {
              found[place] = this.#decode(row);
            },
          );
        } catch (error) {
          throw classifyClickHouseError(error, this.#operation("getProjection"));
        }
        return found.map((value) => ({ ok: true, value }));
      },
    );
  }

  #decode(row: Row): ProjectionRead<string, TProjection> {
    const { columns } = this.#table;
    const aggregateId = String(row[columns.aggregateId]);
    const version = parseProjectionVersion(String(row[VERSION]));
    try {
      const texts = {
        projection: String(row[columns.projection]),
        metadata: String(row[columns.metadata]),
      };
      return {
        status: "found",
        record: { aggregateId, version, ...readProjectionTexts(texts, this.#table) },
      };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      return {
        status: "undecodable",
        reason: `The row in ${this.#name} of version ${version} cannot be decoded: ${reason}`,
        version,
      };
    }
  }
}

/** Does not trust merges: of the rows of one projection the greatest version is read, as the engine would keep it. */
function selectProjections<TProjection>(tableName: string, table: ProjectionTable<TProjection>): string {
  const { columns, fixed = {} } = table;
  const [tenant, aggregate, version] = [columns.tenantId, columns.aggregateId, columns.version].map(
    quoteIdentifier,
  ) as [string, string, string];
  const selected = selectList([
    columns.tenantId,
    columns.aggregateId,
    { name: VERSION, expression: `toString(${version})` },
    columns.projection,
    columns.metadata,
  ]);
  const onlyFixed = Object.entries(fixed).map(
    ([column, value]) => `${quoteIdentifier(column)} = ${quoteString(value)} AND `,
  );
  return (
    `SELECT ${selected} FROM ${tableName} ` +
    `WHERE ${onlyFixed.join("")}(${tenant}, ${aggregate}) IN {refs: Array(Tuple(String, String))} ` +
    `ORDER BY ${tenant}, ${aggregate}, ${version} DESC LIMIT 1 BY ${tenant}, ${aggregate}`
  );
}
