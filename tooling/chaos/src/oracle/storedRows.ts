import type { ClickHouseClient } from "@clickhouse/client";
import type { SpanEvent } from "@es/trace-projection";
import { spanTable } from "@es/trace-projection/clickhouse";

/** One row of the span table, as it is stored: duplicates included. */
export interface StoredSpan {
  readonly tenant: string;
  readonly event: SpanEvent;
}

/** One row of the projection table, as it is stored: older versions included. */
export interface StoredProjection {
  readonly tenant: string;
  readonly traceId: string;
  readonly version: bigint;
  readonly projection: string;
  readonly metadata: string;
}

export interface StoredRef {
  readonly tenant: string;
  readonly traceId: string;
}

const settings = { output_format_json_quote_64bit_integers: 1 } as const;

/**
 * Reads the tables by SQL of its own, which leaves nothing out: no LIMIT BY, no FINAL. What is read twice because it was
 * stored twice is for the caller to see. `database` is the harness's own name, never input.
 */
export class StoredRows {
  readonly #client: ClickHouseClient;
  readonly #database: string;

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
  }

  async spans(traceIds: readonly string[]): Promise<readonly StoredSpan[]> {
    const { selectColumns, fromRow } = spanTable();
    const columns = selectColumns.map((column) =>
      typeof column === "string" ? `\`${column}\`` : `${column.expression} AS \`${column.name}\``,
    );
    const rows = await this.#read<Record<string, unknown>>(
      `SELECT TenantId, TraceId, SpanId, AcceptedAt, ${columns.join(", ")} ` +
        `FROM ${this.#database}.spans WHERE TraceId IN {traceIds: Array(String)}`,
      { traceIds },
    );
    return rows.map((row) => ({ tenant: String(row.TenantId), event: fromRow(row) }));
  }

  async projections(traceIds: readonly string[]): Promise<readonly StoredProjection[]> {
    const rows = await this.#read<Record<string, string>>(
      "SELECT TenantId, TraceId, toString(Version) AS version, Projection, Metadata " +
        `FROM ${this.#database}.trace_projections WHERE TraceId IN {traceIds: Array(String)}`,
      { traceIds },
    );
    return rows.map((row) => ({
      tenant: String(row.TenantId),
      traceId: String(row.TraceId),
      version: BigInt(row.version ?? 0),
      projection: String(row.Projection),
      metadata: String(row.Metadata),
    }));
  }

  /** Every trace that has a row in the table. */
  async refs(table: "spans" | "trace_projections"): Promise<readonly StoredRef[]> {
    return this.#read<StoredRef>(
      `SELECT DISTINCT TenantId AS tenant, TraceId AS traceId FROM ${this.#database}.${table}`,
    );
  }

  /**
   * How many traces have a projection that was not made from all their spans, and for how long the oldest of those has waited,
   * milliseconds. Judges by counts and stamps, so that it can be asked often.
   *
   * @param sinceMs only spans accepted so long ago at most
   */
  async lag(sinceMs?: number): Promise<{ readonly traces: number; readonly oldestMs: number }> {
    const recent =
      sinceMs === undefined
        ? ""
        : "WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM " +
          `${this.#database}.spans WHERE AcceptedAt >= toUnixTimestamp64Nano(now64(9)) - ${sinceMs * 1e6}) `;
    const [row] = await this.#read<{
      readonly traces: string;
      readonly oldest: string;
      readonly now: string;
    }>(
      "SELECT count() AS traces, toString(min(last)) AS oldest, toString(toUnixTimestamp64Milli(now64(3))) AS now FROM (" +
        "SELECT TenantId, TraceId, count() AS spans, sum(toUInt256(accepted)) AS stamps, max(accepted) AS last FROM (" +
        `SELECT TenantId, TraceId, SpanId, max(AcceptedAt) AS accepted FROM ${this.#database}.spans ${recent}` +
        "GROUP BY TenantId, TraceId, SpanId) GROUP BY TenantId, TraceId) AS stored LEFT JOIN (" +
        `SELECT TenantId, TraceId, max(Version) AS version FROM ${this.#database}.trace_projections ` +
        "GROUP BY TenantId, TraceId) AS projected USING (TenantId, TraceId) " +
        "WHERE bitShiftRight(version, 96) != bitShiftLeft(toUInt256(spans), 96) + stamps",
    );
    const traces = Number(row?.traces ?? 0);
    const age = Number(row?.now ?? 0) - Number(BigInt(row?.oldest ?? 0) / 1_000_000n);
    return { traces, oldestMs: traces === 0 ? 0 : Math.max(0, age) };
  }

  async version(): Promise<string> {
    const [row] = await this.#read<{ readonly version: string }>("SELECT version() AS version");
    return row?.version ?? "unknown";
  }

  async #read<TRow>(
    query: string,
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<readonly TRow[]> {
    const result = await this.#client.query({
      query,
      format: "JSONEachRow",
      query_params: parameters,
      use_multipart_params_auto: true,
      clickhouse_settings: { ...settings, wait_end_of_query: 1 },
    });
    return result.json<TRow>();
  }
}
