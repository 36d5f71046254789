import type { ClickHouseClient } from "@clickhouse/client";
import {
  type AggregateRef,
  decodeCursor,
  EventSourcingError,
  encodeCursor,
  isTenantId,
  type LagSource,
  type Page,
  type PageOptions,
  pageLimit,
  parseProjectionVersion,
  readProjectionVersion,
  withSpan,
} from "@es/core";
import { classifyClickHouseError, qualifiedName, readSettings } from "@es/store-clickhouse";
import { SpanKind, trace } from "@opentelemetry/api";
import { SPAN_TABLE } from "./spanTableDescription.js";
import { TRACE_PROJECTION_TABLE } from "./traceProjectionTableDescription.js";

const tracer = trace.getTracer("@es/trace-projection");
const NAME = "TraceLagSourceClickHouse";

export interface TraceLagSourceOptions {
  /** @default the client's own */
  readonly database?: string;
}

interface WatermarkRow {
  readonly tenant: string;
  readonly id: string;
  readonly spans: string;
  readonly accepted: string;
  readonly version: string;
}

/**
 * Finds the traces of all tenants with spans that their projection has not seen, by comparing what is stored with what
 * the projection's version says it was folded from.
 */
export class TraceLagSourceClickHouse implements LagSource {
  readonly #client: ClickHouseClient;
  readonly #spanTable: string;
  readonly #query: string;

  constructor(client: ClickHouseClient, options: TraceLagSourceOptions = {}) {
    this.#client = client;
    this.#spanTable = qualifiedName(options.database, SPAN_TABLE);
    this.#query = lagQuery(this.#spanTable, qualifiedName(options.database, TRACE_PROJECTION_TABLE));
  }

  /**
   * One query per page. A page looks at `limit` traces and lists those of them that lag: it may be empty and still have a
   * next.
   */
  listLagging(since: bigint, options?: PageOptions): Promise<Page<AggregateRef>> {
    return withSpan(tracer, `${NAME}.listLagging`, { kind: SpanKind.CLIENT }, async (span) => {
      const limit = pageLimit(options);
      const [tenant, id] = options?.cursor === undefined ? ["", ""] : readCursor(options.cursor);
      if (since >= 2n ** 64n) return { items: [], nextCursor: null };
      const rows = await this.#read({
        tenant,
        id,
        since: String(since < 0n ? 0n : since),
        limit: limit + 1,
      });
      const looked = rows.slice(0, limit);
      const last = looked.at(-1);
      const items = looked.filter(lags).flatMap(({ tenant, id: aggregateId }) => {
        // A row with another tenant was not written by us; it must not keep the rest from being found.
        return isTenantId(tenant) ? [{ tenantId: tenant, aggregateId }] : [];
      });
      span.setAttribute("aggregate.count", items.length);
      return {
        items,
        nextCursor:
          rows.length > limit && last !== undefined
            ? encodeCursor(JSON.stringify([last.tenant, last.id]))
            : null,
      };
    });
  }

  async #read(parameters: Readonly<Record<string, unknown>>): Promise<readonly WatermarkRow[]> {
    try {
      const result = await this.#client.query({
        query: this.#query,
        format: "JSONEachRow",
        query_params: parameters,
        clickhouse_settings: readSettings,
      });
      return await result.json<WatermarkRow>();
    } catch (error) {
      throw classifyClickHouseError(error, {
        name: `${NAME}.listLagging`,
        table: this.#spanTable,
        component: "trace-projection",
      });
    }
  }
}

/** Whether more is stored than the projection was folded from. Without a projection the version is 0. */
function lags({ spans, accepted, version }: WatermarkRow): boolean {
  const { eventCount, acceptedSum } = readProjectionVersion(parseProjectionVersion(version));
  const stored = Number(spans);
  return stored > eventCount || (stored === eventCount && BigInt(accepted) > acceptedSum);
}

function lagQuery(spans: string, projections: string): string {
  const changed =
    `SELECT TenantId, TraceId FROM ${spans} ` +
    "WHERE (TenantId, TraceId) > ({tenant: String}, {id: String}) AND AcceptedAt >= {since: UInt64} " +
    "ORDER BY TenantId, TraceId LIMIT 1 BY TenantId, TraceId LIMIT {limit: UInt64}";
  return (
    "SELECT TenantId AS tenant, TraceId AS id, toString(max(spanCount)) AS spans, " +
    "toString(max(acceptedSum)) AS accepted, toString(max(version)) AS version FROM (" +
    "SELECT TenantId, TraceId, count() AS spanCount, sum(toUInt128(lastAccepted)) AS acceptedSum, toUInt256(0) AS version " +
    `FROM (SELECT TenantId, TraceId, max(AcceptedAt) AS lastAccepted FROM ${spans} ` +
    `WHERE (TenantId, TraceId) GLOBAL IN (${changed}) GROUP BY TenantId, TraceId, SpanId) GROUP BY TenantId, TraceId ` +
    "UNION ALL " +
    "SELECT TenantId, TraceId, toUInt64(0) AS spanCount, toUInt128(0) AS acceptedSum, max(Version) AS version " +
    `FROM ${projections} WHERE (TenantId, TraceId) GLOBAL IN (${changed}) GROUP BY TenantId, TraceId` +
    ") GROUP BY TenantId, TraceId ORDER BY TenantId, TraceId"
  );
}

function readCursor(cursor: string): readonly [tenant: string, id: string] {
  try {
    const [tenant, id] = JSON.parse(decodeCursor(cursor)) as unknown[];
    if (typeof tenant === "string" && typeof id === "string") return [tenant, id];
  } catch {
    // Told below, the same for every way to be wrong.
  }
  throw new EventSourcingError(
    "INVALID_CURSOR",
    "Not a cursor of this listing. Give back a nextCursor as it is.",
  );
}
