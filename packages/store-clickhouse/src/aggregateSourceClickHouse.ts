import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import {
  type AggregateRef,
  type AggregateSelection,
  type AggregateSource,
  type Event,
  isTenantId,
  type Page,
  type PageOptions,
  parseTenantId,
} from "@es/core";
import { decodeRefCursor, encodeRefCursor, pageLimit, telemetryNames, withSpan } from "@es/core/adapter";
import { type Span, SpanKind } from "@opentelemetry/api";
import { classifyClickHouseError } from "./clickHouseErrors.js";
import { eventsTable } from "./eventsTable.js";
import type { EventTable } from "./eventTable.js";
import { areText, qualifiedName, quoteIdentifier } from "./identifier.js";
import { repeating } from "./lostConnection.js";
import { readSettings } from "./requestSettings.js";
import type { StoreClickHouseOptions } from "./storeOptions.js";
import { storeTracer } from "./telemetry.js";

export interface AggregateSourceClickHouseOptions
  extends Pick<StoreClickHouseOptions, "database" | "readSettings"> {
  /** @default eventsTable(): the generic `events` */
  readonly table?: Pick<EventTable, "name" | "columns" | "migrations">;
}

interface Conditions {
  /** With `WHERE`. */
  readonly where: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

const NAME = "AggregateSourceClickHouse";
const TIME_LIMIT = 1n << 64n;

/** The aggregates of an event table, read in the order of its sorting key: a page costs what it lists. */
export class AggregateSourceClickHouse<TAggregateId extends string = string>
  implements AggregateSource<TAggregateId>
{
  readonly #client: ClickHouseClient;
  readonly #table: Pick<EventTable<Event>, "name" | "columns" | "migrations">;
  readonly #name: string;
  readonly #settings: ClickHouseSettings;
  readonly #tenant: string;
  readonly #aggregate: string;
  readonly #accepted: string;

  constructor(client: ClickHouseClient, options: AggregateSourceClickHouseOptions = {}) {
    this.#client = repeating(client);
    this.#table = options.table ?? eventsTable();
    this.#name = qualifiedName(options.database, this.#table.name);
    this.#settings = { ...readSettings, ...options.readSettings };
    const { columns } = this.#table;
    this.#tenant = quoteIdentifier(columns.tenantId);
    this.#aggregate = quoteIdentifier(columns.aggregateId);
    this.#accepted = quoteIdentifier(columns.acceptedAt);
  }

  listAggregates(
    selection: AggregateSelection<TAggregateId>,
    options?: PageOptions,
  ): Promise<Page<AggregateRef<TAggregateId>>> {
    return this.#call("listAggregates", async (span) => {
      const limit = pageLimit(options);
      const conditions = this.#conditions(
        selection,
        options?.cursor === undefined ? undefined : decodeRefCursor(options.cursor),
      );
      if (conditions === null) return { items: [], nextCursor: null };
      const key = `${this.#tenant}, ${this.#aggregate}`;
      const rows = await this.#query<{ readonly tenant: string; readonly id: TAggregateId }>(
        "listAggregates",
        `SELECT ${this.#tenant} AS tenant, ${this.#aggregate} AS id FROM ${this.#name} ${conditions.where} ` +
          `ORDER BY ${key} LIMIT 1 BY ${key} LIMIT {limit: UInt64}`,
        { ...conditions.parameters, limit: limit + 1 },
      );
      const listed = rows.slice(0, limit);
      // A row with another tenant was not written by us; it must not keep the rest from being found.
      const items = listed.flatMap(({ tenant, id }) =>
        isTenantId(tenant) ? [{ tenantId: tenant, aggregateId: id }] : [],
      );
      span.setAttribute(telemetryNames.attributes.aggregateCount, items.length);
      // Of all rows, not of the items: a page may hold none of these, and still not be the last.
      const last = listed.at(-1);
      return {
        items,
        nextCursor:
          rows.length > limit && last !== undefined
            ? encodeRefCursor({ tenantId: last.tenant, aggregateId: last.id })
            : null,
      };
    });
  }

  countAggregates(selection: AggregateSelection<TAggregateId>): Promise<number> {
    return this.#call("countAggregates", async (span) => {
      const conditions = this.#conditions(selection, undefined);
      if (conditions === null) return 0;
      const [row] = await this.#query<{ readonly count: string }>(
        "countAggregates",
        `SELECT toString(count()) AS count FROM (SELECT 1 FROM ${this.#name} ${conditions.where} ` +
          `GROUP BY ${this.#tenant}, ${this.#aggregate})`,
        conditions.parameters,
        // In the order of the sorting key the groups are counted one after the other, and never held together.
        { optimize_aggregation_in_order: 1 },
      );
      const count = Number(row?.count ?? 0);
      span.setAttribute(telemetryNames.attributes.aggregateCount, count);
      return count;
    });
  }

  /** `null` if nothing can match. */
  #conditions(
    { tenantId, aggregateIds, acceptedFrom = 0n, acceptedTo = TIME_LIMIT }: AggregateSelection<TAggregateId>,
    after: readonly [tenantId: string, aggregateId: string] | undefined,
  ): Conditions | null {
    if (tenantId !== undefined) parseTenantId(tenantId);
    if (acceptedTo <= 0n || acceptedFrom >= TIME_LIMIT || aggregateIds?.length === 0) return null;
    const conditions = [areText(this.#tenant, this.#aggregate)];
    const parameters: Record<string, unknown> = {};
    const add = (condition: string, given: Readonly<Record<string, unknown>>) => {
      conditions.push(condition);
      Object.assign(parameters, given);
    };
    if (tenantId !== undefined) add(`${this.#tenant} = {tenantId: String}`, { tenantId });
    if (aggregateIds !== undefined) add(`${this.#aggregate} IN {ids: Array(String)}`, { ids: aggregateIds });
    if (acceptedFrom > 0n) add(`${this.#accepted} >= {from: UInt64}`, { from: String(acceptedFrom) });
    if (acceptedTo < TIME_LIMIT) add(`${this.#accepted} < {to: UInt64}`, { to: String(acceptedTo) });
    if (after !== undefined) {
      // The first condition alone lets the primary index skip what is done.
      add(
        `${this.#tenant} >= {afterTenant: String} AND ` +
          `(${this.#tenant} > {afterTenant: String} OR ${this.#aggregate} > {afterId: String})`,
        { afterTenant: after[0], afterId: after[1] },
      );
    }
    return { where: `WHERE ${conditions.join(" AND ")}`, parameters };
  }

  #call<T>(name: string, work: (span: Span) => Promise<T>): Promise<T> {
    return withSpan(storeTracer, `${NAME}.${name}`, { kind: SpanKind.CLIENT }, work);
  }

  async #query<TRow>(
    operation: string,
    query: string,
    parameters: Readonly<Record<string, unknown>>,
    settings: ClickHouseSettings = {},
  ): Promise<readonly TRow[]> {
    try {
      const result = await this.#client.query({
        query,
        format: "JSONEachRow",
        query_params: parameters,
        use_multipart_params_auto: true,
        clickhouse_settings: { ...this.#settings, ...settings },
      });
      return await result.json<TRow>();
    } catch (error) {
      throw classifyClickHouseError(error, {
        name: `${NAME}.${operation}`,
        table: this.#name,
        component: this.#table.migrations.component,
      });
    }
  }
}
