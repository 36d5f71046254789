import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import { EventSourcingError, isAggregateId, parseTenantId, type TenantId } from "@es/core";
import { pageLimit, telemetryNames, throwIfAborted, withSpan } from "@es/core/adapter";
import {
  classifyClickHouseError,
  GenerationStorageClickHouse,
  qualifiedName,
  readSettings,
  repeating,
} from "@es/store-clickhouse";
import { SpanKind, trace } from "@opentelemetry/api";
import {
  type SessionProjection,
  type SessionProjectionJson,
  sessionProjectionToJson,
} from "../sessionProjection.js";
import { readSessionListCursor, writeSessionListCursor } from "./sessionListCursor.js";
import { SESSION_PROJECTION_TABLE, sessionProjectionTable } from "./sessionTables.js";

const { attributes } = telemetryNames;
const tracer = trace.getTracer("@es/session-projection");
const NAME = "SessionReadRepositoryClickHouse";
const SESSIONS_AT_ONCE = 50;

export interface SessionReadRepositoryOptions {
  /** @default the client's own */
  readonly database?: string;
  /** Added to every read, such as `max_execution_time`. */
  readonly readSettings?: ClickHouseSettings;
  /** Of the trace projections to count; asked once per call. @default 1 */
  readonly generation?: () => number | Promise<number>;
}

export interface ListSessionsOptions {
  readonly tenantId: TenantId;
  /** Sessions per page. @default 50 */
  readonly limit?: number;
  readonly cursor?: string;
  /** Only sessions with a trace of this user, of the first 100 they have. */
  readonly userId?: string;
  /** Ends the read, in the engine too; it rejects with `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** A session in a list: without its traces. */
export type SessionSummaryJson = Omit<SessionProjectionJson, "traces">;

export interface SessionList {
  readonly sessions: readonly SessionSummaryJson[];
  /** Give it back to get the next page; `null` on the last. */
  readonly nextCursor: string | null;
  /** Rows of this page that are there but cannot be understood; absent when there are none. */
  readonly undecodable?: readonly { readonly sessionId: string; readonly reason: string }[];
}

/**
 * Reads sessions for people. Rejects with `EventSourcingError`: `STORE_UNAVAILABLE`, `STORE_OVERLOADED`, `STORE_REJECTED`,
 * and what its methods say.
 */
export class SessionReadRepositoryClickHouse {
  readonly #client: ClickHouseClient;
  readonly #table: string;
  readonly #storage: GenerationStorageClickHouse<SessionProjection>;
  readonly #generation: () => number | Promise<number>;
  readonly #settings: ClickHouseSettings;

  constructor(client: ClickHouseClient, options: SessionReadRepositoryOptions = {}) {
    const { database, generation = () => 1, readSettings: settings } = options;
    this.#client = repeating(client);
    this.#table = qualifiedName(database, SESSION_PROJECTION_TABLE);
    this.#storage = new GenerationStorageClickHouse(client, {
      ...(database === undefined ? {} : { database }),
      ...(settings === undefined ? {} : { readSettings: settings }),
      tableOf: sessionProjectionTable,
    });
    this.#settings = { ...readSettings, ...settings };
    this.#generation = generation;
  }

  /**
   * Those active last first, then by id. Sessions that all traces have left are not listed. A page reads the small columns
   * of all sessions of the tenant, and the whole projections of the page.
   *
   * @throws EventSourcingError `INVALID_CURSOR`, `INVALID_OPTIONS`
   */
  async listSessions(options: ListSessionsOptions): Promise<SessionList> {
    const { tenantId, userId, signal } = options;
    parseTenantId(tenantId);
    const about = { [attributes.tenantId]: tenantId };
    return withSpan(
      tracer,
      `${NAME}.listSessions`,
      { kind: SpanKind.CLIENT, attributes: about },
      async () => {
        const limit = pageLimit({ limit: options.limit ?? 50 });
        const after = options.cursor === undefined ? undefined : readSessionListCursor(options.cursor);
        const generation = await this.#generation();
        const conditions = [
          "traces > 0",
          ...(userId === undefined ? [] : ["has(users, {userId: String})"]),
          ...(after === undefined
            ? []
            : ["(last < {last: UInt64} OR (last = {last: UInt64} AND id > unhex({id: String})))"]),
        ];
        const rows = await this.#query<{
          readonly id: string;
          readonly idHex: string;
          readonly last: string;
        }>(
          "SELECT SessionId AS id, hex(id) AS idHex, argMax(LastActivityUnixNano, Version) AS last, argMax(TraceCount, Version) AS traces" +
            (userId === undefined ? "" : ", argMax(UserIds, Version) AS users") +
            ` FROM ${this.#table} WHERE TenantId = {tenantId: String} AND Generation = {generation: String} AND SessionId != '' ` +
            `GROUP BY SessionId HAVING ${conditions.join(" AND ")} ORDER BY last DESC, id LIMIT {limit: UInt64}`,
          {
            tenantId,
            generation: String(generation),
            limit: limit + 1,
            ...(userId === undefined ? {} : { userId }),
            ...(after === undefined ? {} : { last: after.last, id: after.idHex }),
          },
          signal,
        );
        const page = rows.slice(0, limit);
        const store = this.#storage.storeOf(generation);
        const sessions: SessionSummaryJson[] = [];
        const undecodable: { sessionId: string; reason: string }[] = [];
        // A session holds its traces, which a list does not show: few at once are in memory.
        for (let from = 0; from < page.length; from += SESSIONS_AT_ONCE) {
          throwIfAborted(signal);
          const some = page.slice(from, from + SESSIONS_AT_ONCE);
          const reads = await store.getProjections(some.map(({ id }) => id).filter(isAggregateId), {
            tenantId,
          });
          for (const { id } of some) {
            const read = reads.get(id);
            if (read?.status === "found") {
              const { traces: _, ...summary } = sessionProjectionToJson(tenantId, read.record);
              sessions.push(summary);
            } else if (read?.status === "undecodable") {
              undecodable.push({ sessionId: id, reason: read.reason });
            }
            // Under its id there is nothing, for its bytes are no text. A row that nobody of us wrote.
            else undecodable.push({ sessionId: id, reason: "the row's session id is not valid" });
          }
        }
        const last = page.at(-1);
        return {
          sessions,
          nextCursor:
            rows.length > limit && last !== undefined
              ? writeSessionListCursor({ last: String(last.last), idHex: last.idHex })
              : null,
          ...(undecodable.length === 0 ? {} : { undecodable }),
        };
      },
    );
  }

  /**
   * `null` when there is none, or all traces have left it.
   *
   * @throws EventSourcingError `PROJECTION_UNDECODABLE`, `INVALID_AGGREGATE_ID`
   */
  async getSession(tenantId: TenantId, sessionId: string): Promise<SessionProjectionJson | null> {
    parseTenantId(tenantId);
    const about = { [attributes.tenantId]: tenantId, [attributes.aggregateId]: sessionId };
    return withSpan(tracer, `${NAME}.getSession`, { kind: SpanKind.CLIENT, attributes: about }, async () => {
      const projections = this.#storage.storeOf(await this.#generation());
      const read = await projections.getProjection(sessionId, { tenantId });
      if (read.status === "undecodable") {
        throw new EventSourcingError(
          "PROJECTION_UNDECODABLE",
          `The projection of session ${JSON.stringify(sessionId)} cannot be understood: ${read.reason}`,
          { fields: { tenantId, sessionId } },
        );
      }
      if (read.status === "absent" || read.record.projection.traceCount === 0) return null;
      return sessionProjectionToJson(tenantId, read.record);
    });
  }

  async #query<TRow>(
    query: string,
    parameters: Readonly<Record<string, unknown>>,
    signal: AbortSignal | undefined,
  ): Promise<readonly TRow[]> {
    throwIfAborted(signal);
    try {
      const result = await this.#client.query({
        query,
        format: "JSONEachRow",
        query_params: parameters,
        clickhouse_settings: {
          ...this.#settings,
          // What nobody waits for any more must not keep others waiting.
          ...(signal === undefined ? {} : { cancel_http_readonly_queries_on_client_close: 1 }),
        },
        ...(signal === undefined ? {} : { abort_signal: signal }),
      });
      return await result.json<TRow>();
    } catch (error) {
      throwIfAborted(signal);
      throw classifyClickHouseError(error, {
        name: `${NAME}.listSessions`,
        table: this.#table,
        component: "session-projection",
      });
    }
  }
}
