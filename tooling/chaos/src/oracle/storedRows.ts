import type { ClickHouseClient } from "@clickhouse/client";
import { spanTable } from "@es/trace-clickhouse";
import type { SpanEvent } from "@es/trace-projection";

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

/** One row of the table of sessions, as it is stored: older versions included. */
export interface StoredSession {
  readonly tenant: string;
  readonly sessionId: string;
  readonly version: bigint;
  readonly projection: string;
}

export interface StoredRef {
  readonly tenant: string;
  readonly traceId: string;
}

/** How many aggregates have a projection that was not made from all their events, and for how long the oldest has waited. */
export interface StoredLag {
  readonly aggregates: number;
  /** Milliseconds. */
  readonly oldestMs: number;
}

/** The tables of a kind of aggregate, and the columns of its ids. */
interface LaggingTables {
  readonly events: string;
  readonly eventId: string;
  /** In the table of events. */
  readonly aggregateId: string;
  readonly projections: string;
  /** In the table of projections. */
  readonly projectedId: string;
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

  /** Every row: there are few sessions. */
  async sessions(): Promise<readonly StoredSession[]> {
    const rows = await this.#read<Record<string, string>>(
      "SELECT TenantId, SessionId, toString(Version) AS version, Projection " +
        `FROM ${this.#database}.session_projections`,
    );
    return rows.map((row) => ({
      tenant: String(row.TenantId),
      sessionId: String(row.SessionId),
      version: BigInt(row.version ?? 0),
      projection: String(row.Projection),
    }));
  }

  /**
   * Of traces. Judges by counts and stamps, so that it can be asked often.
   *
   * @param sinceMs only spans accepted so long ago at most
   */
  lag(sinceMs?: number): Promise<StoredLag> {
    return this.#lag(
      {
        ...{ events: "spans", eventId: "SpanId", aggregateId: "TraceId" },
        ...{ projections: "trace_projections", projectedId: "TraceId" },
      },
      sinceMs,
    );
  }

  /** Of sessions: what traces told them that their projection was not made from. */
  sessionLag(): Promise<StoredLag> {
    return this.#lag({
      ...{ events: "session_events", eventId: "EventId", aggregateId: "AggregateId" },
      ...{ projections: "session_projections", projectedId: "SessionId" },
    });
  }

  async #lag(tables: LaggingTables, sinceMs?: number): Promise<StoredLag> {
    const { eventId, aggregateId, projectedId } = tables;
    const events = `${this.#database}.${tables.events}`;
    const recent =
      sinceMs === undefined
        ? ""
        : `WHERE (TenantId, ${aggregateId}) IN (SELECT TenantId, ${aggregateId} FROM ${events} ` +
          `WHERE AcceptedAt >= toUnixTimestamp64Nano(now64(9)) - ${sinceMs * 1e6}) `;
    const [row] = await this.#read<{
      readonly aggregates: string;
      readonly oldest: string;
      readonly now: string;
    }>(
      "SELECT count() AS aggregates, toString(min(last)) AS oldest, toString(toUnixTimestamp64Milli(now64(3))) AS now FROM (" +
        "SELECT TenantId, Id, count() AS events, sum(toUInt256(accepted)) AS stamps, max(accepted) AS last FROM (" +
        `SELECT TenantId, ${aggregateId} AS Id, ${eventId}, max(AcceptedAt) AS accepted FROM ${events} ${recent}` +
        `GROUP BY TenantId, ${aggregateId}, ${eventId}) GROUP BY TenantId, Id) AS stored LEFT JOIN (` +
        `SELECT TenantId, ${projectedId} AS Id, max(Version) AS version FROM ${this.#database}.${tables.projections} ` +
        "GROUP BY TenantId, Id) AS projected USING (TenantId, Id) " +
        "WHERE bitShiftRight(version, 96) != bitShiftLeft(toUInt256(events), 96) + stamps",
    );
    const aggregates = Number(row?.aggregates ?? 0);
    const age = Number(row?.now ?? 0) - Number(BigInt(row?.oldest ?? 0) / 1_000_000n);
    return { aggregates, oldestMs: aggregates === 0 ? 0 : Math.max(0, age) };
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
