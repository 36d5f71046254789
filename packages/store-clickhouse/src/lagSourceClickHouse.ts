import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import { EventSourcingError, isTenantId, type Page, type TenantId } from "@es/core";
import {
  decodeRefCursor,
  encodeRefCursor,
  pageLimit,
  telemetryNames,
  wholeNumber,
  withSpan,
} from "@es/core/adapter";
import type { LaggingAggregate, LagSource, ListLaggingOptions } from "@es/processing";
import { SpanKind } from "@opentelemetry/api";
import { classifyClickHouseError, mayNeedLess } from "./clickHouseErrors.js";
import { eventsTable } from "./eventsTable.js";
import type { EventTable, EventTableColumns } from "./eventTable.js";
import { areText, qualifiedName, quoteIdentifier, quoteString } from "./identifier.js";
import { repeating } from "./lostConnection.js";
import type { ProjectionTable } from "./projectionTable.js";
import { readSettings } from "./requestSettings.js";
import { storeTracer } from "./telemetry.js";

export interface LagSourceClickHouseOptions {
  /** @default the client's own */
  readonly database?: string;
  /** Those of the events. @default eventsTable(): the generic `events` */
  readonly eventTable?: Pick<EventTable, "name" | "columns" | "migrations">;
  /**
   * Those of the projections that should cover them, such as `projectionsTable({ name: "balances" })`: compared with another
   * kind, every aggregate would lag for ever.
   */
  readonly projectionTable: Pick<ProjectionTable, "name" | "columns" | "fixed">;
  /** Aggregates compared by one query; it takes fewer where the engine has not the memory. @default 20 000 */
  readonly aggregatesPerQuery?: number;
  /** Added to every query, such as `max_threads`. */
  readonly readSettings?: ClickHouseSettings;
}

const NAME = "LagSourceClickHouse";
const { attributes } = telemetryNames;
/** Where the count and the sum begin in a projection's version, see `ProjectionVersion`. */
const COUNT_UNIT = String(1n << 192n);
const SUM_UNIT = String(1n << 96n);

/** One row: what is said of all the aggregates that were compared. */
interface ComparedRow {
  readonly compared: string;
  readonly last: readonly [tenant: string, id: string];
  readonly lagging: readonly (readonly [
    tenant: string,
    id: string,
    stored: string,
    projected: string,
    since: string,
    lagMs: string,
  ])[];
}

/**
 * The `LagSource` of two tables. ClickHouse compares what is stored with what the version of the projection says it was
 * folded from; only what lags comes back. With `acceptedWithinMs` parts without a recent event are not read at all, and of
 * the others one column, to find the aggregates to compare.
 */
export class LagSourceClickHouse implements LagSource {
  readonly #client: ClickHouseClient;
  readonly #table: string;
  readonly #component: string;
  readonly #settings: ClickHouseSettings;
  readonly #aggregatesPerQuery: number;
  #most: number;
  readonly #recent: string;
  readonly #all: string;

  /** @throws EventSourcingError `INVALID_OPTIONS` */
  constructor(client: ClickHouseClient, options: LagSourceClickHouseOptions) {
    const { database, eventTable = eventsTable(), projectionTable } = options ?? {};
    if (projectionTable === undefined) {
      throw new EventSourcingError(
        "INVALID_OPTIONS",
        "LagSourceClickHouse needs its projectionTable, the table option of the ProjectionStoreClickHouse: " +
          'projectionsTable(), or projectionsTable({ name: "balances" }) for a kind with a name.',
      );
    }
    this.#client = repeating(client);
    this.#table = qualifiedName(database, eventTable.name);
    this.#component = eventTable.migrations.component;
    this.#aggregatesPerQuery = wholeNumber("aggregatesPerQuery", options.aggregatesPerQuery ?? 20_000, 1);
    this.#most = this.#aggregatesPerQuery;
    // In the order of the table's key groups end as they are read: memory is that of one page of aggregates.
    this.#settings = { ...readSettings, optimize_aggregation_in_order: 1, ...options.readSettings };
    const sql = (recent: boolean) =>
      lagQuery(
        { name: this.#table, columns: eventTable.columns },
        { ...projectionTable, name: qualifiedName(database, projectionTable.name) },
        recent,
      );
    this.#recent = sql(true);
    this.#all = sql(false);
  }

  /** One query per page, of at most `aggregatesPerQuery` aggregates. */
  listLagging(options: ListLaggingOptions = {}): Promise<Page<LaggingAggregate>> {
    return withSpan(storeTracer, `${NAME}.listLagging`, { kind: SpanKind.CLIENT }, async (span) => {
      const limit = pageLimit(options);
      const { acceptedWithinMs, graceMs = 0 } = options;
      const [tenant, id] = options.cursor === undefined ? ["", ""] : decodeRefCursor(options.cursor);
      for (let most = this.#most; ; most = most >> 1) {
        try {
          const row = await this.#compare(acceptedWithinMs === undefined ? this.#all : this.#recent, {
            tenant,
            id,
            ...(acceptedWithinMs === undefined
              ? {}
              : { within: String(wholeNumber("acceptedWithinMs", acceptedWithinMs, 0)) }),
            grace: String(wholeNumber("graceMs", graceMs, 0)),
            limit: limit + 1,
            most,
          });
          // What was too much once need not be the next time.
          this.#most = Math.min(this.#aggregatesPerQuery, 2 * most);
          const page = pageOf(row, { limit, most });
          span.setAttribute(attributes.aggregateCount, page.items.length);
          return page;
        } catch (error) {
          if (most === 1 || !mayNeedLess(error)) throw error;
        }
      }
    });
  }

  async #compare(query: string, parameters: Readonly<Record<string, unknown>>): Promise<ComparedRow> {
    try {
      const result = await this.#client.query({
        query,
        format: "JSONEachRow",
        query_params: parameters,
        clickhouse_settings: this.#settings,
      });
      const [row] = await result.json<ComparedRow>();
      if (row === undefined) throw new Error("An aggregation without keys gave no row.");
      return row;
    } catch (error) {
      throw classifyClickHouseError(error, {
        name: `${NAME}.listLagging`,
        table: this.#table,
        component: this.#component,
      });
    }
  }
}

function pageOf(
  row: ComparedRow,
  { limit, most }: { readonly limit: number; readonly most: number },
): Page<LaggingAggregate> {
  const listed = row.lagging.slice(0, limit);
  const cut = row.lagging.length > limit;
  const last = cut ? listed.at(-1) : Number(row.compared) === most ? row.last : undefined;
  return {
    // A row with another tenant was not written by us; it must not keep the rest from being found.
    items: listed.flatMap(([tenantId, aggregateId, stored, projected, since, lagMs]) =>
      isTenantId(tenantId)
        ? [
            {
              tenantId: tenantId as TenantId,
              aggregateId,
              storedEvents: Number(stored),
              projectedEvents: Number(projected),
              laggingSince: BigInt(since),
              lagMs: Number(lagMs),
            },
          ]
        : [],
    ),
    nextCursor: last === undefined ? null : encodeRefCursor({ tenantId: last[0], aggregateId: last[1] }),
  };
}

function lagQuery(
  events: { readonly name: string; readonly columns: EventTableColumns },
  projections: Pick<ProjectionTable, "name" | "columns" | "fixed">,
  recent: boolean,
): string {
  const { columns } = events;
  const [tenant, aggregate] = [quoteIdentifier(columns.tenantId), quoteIdentifier(columns.aggregateId)];
  const key = `${tenant}, ${aggregate}`;
  const [event, accepted] = [quoteIdentifier(columns.eventId), quoteIdentifier(columns.acceptedAt)];
  const projectionKey = `${quoteIdentifier(projections.columns.tenantId)}, ${quoteIdentifier(projections.columns.aggregateId)}`;
  const version = quoteIdentifier(projections.columns.version);
  const fixed = Object.entries(projections.fixed ?? {})
    .map(([column, value]) => `${quoteIdentifier(column)} = ${quoteString(value)} AND `)
    .join("");
  const now = "toUnixTimestamp64Nano(now64(9))";
  const isRecent = recent
    ? ` AND ${accepted} >= toUInt64(greatest(0, ${now} - least({within: UInt64}, 9000000000000) * 1000000))`
    : "";
  const compared =
    `SELECT ${key} FROM ${events.name} WHERE (${key}) > ({tenant: String}, {id: String}) ` +
    `AND ${areText(tenant, aggregate)}${isRecent} ` +
    `ORDER BY ${key} LIMIT 1 BY ${key} LIMIT {most: UInt64}`;
  // GLOBAL: on a cluster the aggregates to compare are found once, not per shard. On one server it changes nothing.
  const stored =
    "SELECT tenant, id, count() AS events, sum(toUInt256(accepted)) AS acceptedSum, " +
    "arraySort(groupArray(accepted)) AS stamps, toUInt256(0) AS version FROM (" +
    `SELECT ${tenant} AS tenant, ${aggregate} AS id, max(${accepted}) AS accepted ` +
    `FROM ${events.name} WHERE (${key}) GLOBAL IN (${compared}) GROUP BY ${key}, ${event}) GROUP BY tenant, id`;
  const projected =
    `SELECT ${quoteIdentifier(projections.columns.tenantId)} AS tenant, ${quoteIdentifier(projections.columns.aggregateId)} AS id, ` +
    `toUInt64(0) AS events, toUInt256(0) AS acceptedSum, emptyArrayUInt64() AS stamps, max(${version}) AS version ` +
    `FROM ${projections.name} WHERE ${fixed}(${projectionKey}) GLOBAL IN (${compared}) GROUP BY ${projectionKey}`;
  // One's events and version, side by side.
  const each =
    "SELECT tenant, id, max(events) AS stored, max(acceptedSum) AS storedSum, max(version) AS folded, " +
    `toUInt64(intDiv(folded, toUInt256('${COUNT_UNIT}'))) AS projected, arrayFlatten(groupArray(stamps)) AS all, ` +
    "all[if(stored > projected, projected + 1, stored)] AS since, " +
    `intDiv(toInt128(${now}) - toInt128(since), 1000000) AS ageMs, ` +
    `toUInt256(stored) * toUInt256('${SUM_UNIT}') + storedSum > intDiv(folded, toUInt256('${SUM_UNIT}')) ` +
    "AND abs(ageMs) >= {grace: UInt64} AS lags " +
    `FROM (${stored} UNION ALL ${projected}) GROUP BY tenant, id`;
  // By the events alone: what is recent is looked up once more for the projections, a moment later.
  return (
    "SELECT toString(countIf(stored > 0)) AS compared, maxIf((tenant, id), stored > 0) AS last, " +
    "arraySlice(arraySort(groupArrayIf((tenant, id, toString(stored), toString(projected), toString(since), " +
    "toString(greatest(0, ageMs))), lags)), 1, {limit: UInt64}) AS lagging " +
    `FROM (${each})`
  );
}
