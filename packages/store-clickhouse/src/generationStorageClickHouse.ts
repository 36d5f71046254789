import type { ClickHouseClient } from "@clickhouse/client";
import { type AggregateRef, isAggregateId, isTenantId } from "@es/core";
import { wholeNumber, withSpan } from "@es/core/adapter";
import type { GenerationSample, GenerationStorage, LagSource } from "@es/processing";
import { SpanKind } from "@opentelemetry/api";
import { classifyClickHouseError } from "./clickHouseErrors.js";
import { areText, qualifiedName, quoteIdentifier, quoteString } from "./identifier.js";
import { LagSourceClickHouse, type LagSourceClickHouseOptions } from "./lagSourceClickHouse.js";
import { repeating } from "./lostConnection.js";
import { migrate } from "./migrate.js";
import { localName, type MigrationTarget, onCluster } from "./migrationStatements.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";
import type { ProjectionTable } from "./projectionTable.js";
import { readSettings } from "./requestSettings.js";
import type { StoreClickHouseOptions } from "./storeOptions.js";
import { storeTracer } from "./telemetry.js";

export interface GenerationStorageClickHouseOptions<TProjection>
  extends StoreClickHouseOptions,
    Pick<MigrationTarget, "cluster"> {
  /**
   * The table of a generation: one of its own, or one with `fixed` columns that keep its rows apart. Its migrations make it.
   */
  readonly tableOf: (generation: number) => ProjectionTable<TProjection>;
  /** That of the events. @default eventsTable(): the generic `events` */
  readonly eventTable?: LagSourceClickHouseOptions["eventTable"];
}

interface RefRow {
  readonly tenant: string;
  readonly id: string;
}

const NAME = "GenerationStorageClickHouse";
const REFS_PER_PAGE = 1_000;

/** Where the generations of a projection are kept in ClickHouse, for `GenerationOperations`. */
export class GenerationStorageClickHouse<TProjection> implements GenerationStorage {
  readonly #client: ClickHouseClient;
  readonly #options: GenerationStorageClickHouseOptions<TProjection>;
  readonly #stores = new Map<number, ProjectionStoreClickHouse<TProjection>>();

  constructor(client: ClickHouseClient, options: GenerationStorageClickHouseOptions<TProjection>) {
    this.#client = repeating(client);
    this.#options = options;
  }

  async prepare(generation: number): Promise<void> {
    const { database, cluster, tableOf } = this.#options;
    await migrate(this.#client, {
      migrations: [tableOf(generation).migrations],
      ...(database === undefined ? {} : { database }),
      ...(cluster === undefined ? {} : { cluster }),
    });
  }

  /** One for each generation, so that its calls in flight share round trips. */
  storeOf(generation: number): ProjectionStoreClickHouse<TProjection> {
    let store = this.#stores.get(generation);
    if (store === undefined) {
      store = new ProjectionStoreClickHouse(this.#client, {
        ...this.#options,
        table: this.#options.tableOf(generation),
      });
      this.#stores.set(generation, store);
    }
    return store;
  }

  lagOf(generation: number): LagSource {
    const { tableOf, database, eventTable, readSettings: settings } = this.#options;
    return new LagSourceClickHouse(this.#client, {
      projectionTable: tableOf(generation),
      ...(database === undefined ? {} : { database }),
      ...(eventTable === undefined ? {} : { eventTable }),
      ...(settings === undefined ? {} : { readSettings: settings }),
    });
  }

  async *sample(
    generations: readonly [number, number],
    sample: GenerationSample,
  ): AsyncGenerator<AggregateRef, void, undefined> {
    const tables = [...new Set(generations)].map((generation) => this.#options.tableOf(generation));
    if (sample !== "all") {
      const size = wholeNumber("size", sample.size, 1);
      const seed = wholeNumber("seed", sample.seed, 0);
      yield* refsOf(await this.#read(tables, chosenBySeed, { size, seed }));
      return;
    }
    let last: RefRow | undefined = { tenant: "", id: "" };
    while (last !== undefined) {
      const page: readonly RefRow[] = await this.#read(tables, pageOfAll, { ...last, size: REFS_PER_PAGE });
      yield* refsOf(page);
      last = page.length < REFS_PER_PAGE ? undefined : page.at(-1);
    }
  }

  async drop(generation: number): Promise<void> {
    const table = this.#options.tableOf(generation);
    const target = this.#options;
    const local = qualifiedName(target.database, localName(table.name, target)) + onCluster(target);
    const own = conditionsOf(table).join(" AND ");
    await this.#call("drop", table, async () => {
      await this.#client.command({
        query: own === "" ? `TRUNCATE TABLE ${local}` : `ALTER TABLE ${local} DELETE WHERE ${own}`,
        clickhouse_settings: {
          mutations_sync: "2",
          ...(target.cluster === undefined ? {} : { distributed_ddl_output_mode: "throw" }),
        },
      });
    });
  }

  #read(
    tables: readonly ProjectionTable<TProjection>[],
    query: (refs: readonly RefSource[]) => string,
    parameters: Readonly<Record<string, unknown>>,
  ): Promise<readonly RefRow[]> {
    const sources = tables.map((table) => ({
      name: qualifiedName(this.#options.database, table.name),
      tenant: quoteIdentifier(table.columns.tenantId),
      id: quoteIdentifier(table.columns.aggregateId),
      conditions: conditionsOf(table),
    }));
    return this.#call("sample", tables[0], async () => {
      const result = await this.#client.query({
        query: query(sources),
        format: "JSONEachRow",
        query_params: parameters,
        clickhouse_settings: { ...readSettings, ...this.#options.readSettings },
      });
      return result.json<RefRow>();
    });
  }

  #call<T>(
    name: string,
    table: ProjectionTable<TProjection> | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    return withSpan(storeTracer, `${NAME}.${name}`, { kind: SpanKind.CLIENT }, async () => {
      try {
        return await work();
      } catch (error) {
        throw classifyClickHouseError(error, {
          name: `${NAME}.${name}`,
          table: qualifiedName(this.#options.database, table?.name ?? ""),
          component: table?.migrations.component ?? "",
        });
      }
    });
  }
}

interface RefSource {
  readonly name: string;
  readonly tenant: string;
  readonly id: string;
  readonly conditions: readonly string[];
}

function conditionsOf({ fixed = {} }: Pick<ProjectionTable, "fixed">): readonly string[] {
  return Object.entries(fixed).map(([column, value]) => `${quoteIdentifier(column)} = ${quoteString(value)}`);
}

/**
 * The refs with the smallest hashes: which they are depends on the seed and on themselves, not on what else is there. FINAL,
 * so that a ref with many versions is one.
 */
function chosenBySeed(sources: readonly RefSource[]): string {
  const each = sources.map(
    ({ name, tenant, id, conditions }) =>
      `SELECT ${tenant} AS tenant, ${id} AS id, sipHash64({seed: UInt64}, ${tenant}, ${id}) AS hash FROM ${name} FINAL ` +
      `${where([...conditions, areText(tenant, id)])}ORDER BY hash, tenant, id LIMIT {size: UInt64}`,
  );
  return (
    `SELECT tenant, id FROM (${each.map((query) => `(${query})`).join(" UNION ALL ")}) ` +
    "ORDER BY hash, tenant, id LIMIT 1 BY tenant, id LIMIT {size: UInt64}"
  );
}

function pageOfAll(sources: readonly RefSource[]): string {
  const each = sources.map(
    ({ name, tenant, id, conditions }) =>
      `SELECT ${tenant} AS tenant, ${id} AS id FROM ${name} ` +
      `${where([...conditions, areText(tenant, id), `(${tenant}, ${id}) > ({tenant: String}, {id: String})`])}` +
      `ORDER BY ${tenant}, ${id} LIMIT 1 BY ${tenant}, ${id} LIMIT {size: UInt64}`,
  );
  return (
    `SELECT tenant, id FROM (${each.map((query) => `(${query})`).join(" UNION ALL ")}) ` +
    "ORDER BY tenant, id LIMIT 1 BY tenant, id LIMIT {size: UInt64}"
  );
}

function where(conditions: readonly string[]): string {
  return `WHERE ${conditions.join(" AND ")} `;
}

function refsOf(rows: readonly RefRow[]): readonly AggregateRef[] {
  // A row with another tenant or id was not written by us; it must not keep the rest from being read.
  return rows.flatMap(({ tenant, id }) =>
    isTenantId(tenant) && isAggregateId(id) ? [{ tenantId: tenant, aggregateId: id }] : [],
  );
}
