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
  readonly settings: ClickHouseSettings;
}

/** One round trip for any number of aggregates. The rows of each by `refKey`; no entry where there are none. */
export async function readAggregateRows(
  client: ClickHouseClient,
  query: AggregateQuery,
  refs: readonly AsksFor[],
): Promise<ReadonlyMap<string, readonly Row[]>> {
  const distinct = new Map<string, TupleParam>();
  for (const { tenantId, aggregateId } of refs) {
    distinct.set(refKey(tenantId, aggregateId), new TupleParam([tenantId, aggregateId]));
  }
  const result = await client.query({
    query: query.sql,
    format: "JSONEachRow",
    query_params: { refs: [...distinct.values()] },
    use_multipart_params_auto: true,
    clickhouse_settings: query.settings,
  });
  const rowsOf = new Map<string, Row[]>();
  // Streamed: a large result never has to fit one string, and other work gets its turn between chunks.
  for await (const chunk of result.stream<Record<string, unknown>>()) {
    for (const part of chunk) {
      const row: Row = part.json();
      const key = refKey(String(row[query.tenantColumn]), String(row[query.aggregateColumn]));
      const rows = rowsOf.get(key);
      if (rows === undefined) rowsOf.set(key, [row]);
      else rows.push(row);
    }
  }
  return rowsOf;
}

/** No two refs share one, whatever they hold. */
export function refKey(tenantId: string, aggregateId: string): string {
  return `${tenantId.length}:${tenantId}${aggregateId}`;
}

/** Bytes it takes in the parameter, where some characters are escaped. */
export function refSize({ tenantId, aggregateId }: AsksFor): number {
  return parameterBytes(tenantId) + parameterBytes(aggregateId) + "('',''),".length;
}

function parameterBytes(text: string): number {
  return Buffer.byteLength(text) + (text.match(/[\\'\t\n\r]/g)?.length ?? 0);
}

export function selectList(columns: readonly SelectedColumn[]): string {
  const byName = new Map<string, string>();
  for (const column of columns) {
    if (typeof column === "string") byName.set(column, quoteIdentifier(column));
    else byName.set(column.name, `${column.expression} AS ${quoteIdentifier(column.name)}`);
  }
  return [...byName.values()].join(", ");
}
