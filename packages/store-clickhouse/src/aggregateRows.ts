import { type ClickHouseClient, type ClickHouseSettings, TupleParam } from "@clickhouse/client";
import type { TenantId } from "@es/core";
import type { Row, SelectedColumn } from "./eventTable.js";
import { quoteIdentifier } from "./identifier.js";

/** One aggregate asked for. */
export interface AsksFor {
  readonly tenantId: TenantId;
  readonly aggregateId: string;
}

/** A query that gives the rows of many aggregates, with their tenant and aggregate columns among them. */
export interface AggregateQuery {
  /** Has the parameter `refs`, pairs of tenant and aggregate id. */
  readonly sql: string;
  readonly tenantColumn: string;
  readonly aggregateColumn: string;
  /** Of the query, beside `refs`. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly settings: ClickHouseSettings;
}

/**
 * One round trip for any number of aggregates. Gives each row to everyone who asked for its aggregate, by their place in
 * `refs`, as the result arrives: a large one is never there as a whole, and other work gets its turn in between.
 */
export async function readAggregateRows(
  client: ClickHouseClient,
  query: AggregateQuery,
  refs: readonly AsksFor[],
  take: (row: Row, place: number) => void,
): Promise<void> {
  const asked = placesByRef(refs);
  const result = await client.query({
    query: query.sql,
    format: "JSONEachRow",
    query_params: { ...query.parameters, refs: refsParameter(asked) },
    use_multipart_params_auto: true,
    clickhouse_settings: query.settings,
  });
  for await (const chunk of result.stream<Record<string, unknown>>()) {
    for (const part of chunk) {
      const row: Row = part.json();
      const key = refKey(String(row[query.tenantColumn]), String(row[query.aggregateColumn]));
      for (const place of asked.get(key)?.places ?? []) take(row, place);
    }
  }
}

/** Who asked for an aggregate, by place in the list of all. */
export interface Asked {
  readonly ref: AsksFor;
  readonly places: readonly number[];
}

/** By `refKey`: each aggregate is read once, whoever asked. */
export function placesByRef(refs: readonly AsksFor[]): ReadonlyMap<string, Asked> {
  const asked = new Map<string, { readonly ref: AsksFor; readonly places: number[] }>();
  for (const [place, ref] of refs.entries()) {
    const key = refKey(ref.tenantId, ref.aggregateId);
    const same = asked.get(key);
    if (same === undefined) asked.set(key, { ref, places: [place] });
    else same.places.push(place);
  }
  return asked;
}

export function refsParameter(asked: ReadonlyMap<string, Asked>): readonly TupleParam[] {
  return [...asked.values()].map(({ ref }) => new TupleParam([ref.tenantId, ref.aggregateId]));
}

/** No two refs share one, whatever they hold. */
export function refKey(tenantId: string, aggregateId: string): string {
  return `${tenantId.length}:${tenantId}${aggregateId}`;
}

/** Bytes it takes in the parameter, where some characters are escaped. */
export function refSize({ tenantId, aggregateId }: AsksFor): number {
  return parameterBytes(tenantId) + parameterBytes(aggregateId) + "('',''),".length;
}

export function parameterBytes(text: string): number {
  return Buffer.byteLength(text) + (text.match(/[\\'\t\n\r]/g)?.length ?? 0);
}

/** What stands between `SELECT` and `FROM`; of columns of one name the last. */
export function selectList(columns: readonly SelectedColumn[]): string {
  const byName = new Map<string, string>();
  for (const column of columns) {
    if (typeof column === "string") byName.set(column, quoteIdentifier(column));
    else byName.set(column.name, `${column.expression} AS ${quoteIdentifier(column.name)}`);
  }
  return [...byName.values()].join(", ");
}
