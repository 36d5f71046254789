import {
  type ColumnDescription,
  type EventTable,
  eventsTable,
  keyedTableSettings,
  type MigrationSet,
  type ProjectionTable,
} from "@es/store-clickhouse";
import type { SessionEvent } from "../sessionEvent.js";
import type { SessionProjection } from "../sessionProjection.js";
import { readSessionProjection } from "./sessionProjectionText.js";

export const SESSION_EVENT_TABLE = "session_events";
export const SESSION_PROJECTION_TABLE = "session_projections";

const typedColumns: readonly ColumnDescription[] = [
  { name: "StartTimeUnixNano", type: "UInt64", codec: "Delta, ZSTD(1)" },
  { name: "LastActivityUnixNano", type: "UInt64", codec: "Delta, ZSTD(1)" },
  { name: "TraceCount", type: "UInt64", codec: "ZSTD(1)", comment: "0 when all traces have left it" },
  { name: "FailedTraceCount", type: "UInt64", codec: "ZSTD(1)" },
  { name: "TotalTokens", type: "UInt64", codec: "ZSTD(1)" },
  { name: "Cost", type: "Nullable(Decimal(38, 12))", codec: "ZSTD(1)", comment: "USD; NULL if unknown" },
  { name: "UserIds", type: "Array(String)", codec: "ZSTD(1)" },
];

/**
 * Makes `session_events` and `session_projections`. The events have the columns of the generic `events`, in a table of
 * their own: an order and a session may have the same id.
 */
export const sessionClickHouseMigrations: MigrationSet = {
  component: "session-projection",
  migrations: [
    {
      version: 1,
      name: "create session events and projections",
      steps: [
        {
          kind: "table",
          name: SESSION_EVENT_TABLE,
          columns: [
            { name: "TenantId", type: "String", codec: "ZSTD(1)" },
            { name: "AggregateId", type: "String", codec: "ZSTD(1)", comment: "The session" },
            { name: "EventId", type: "String", codec: "ZSTD(1)", comment: "Trace id and version" },
            { name: "Type", type: "LowCardinality(String)", codec: "ZSTD(1)" },
            {
              name: "OccurredAt",
              type: "UInt64",
              codec: "Delta, ZSTD(1)",
              comment: "Unix nanoseconds, the trace's start",
            },
            {
              name: "AcceptedAt",
              type: "UInt64",
              codec: "Delta, ZSTD(1)",
              comment: "Unix nanoseconds, our clock",
            },
            { name: "Data", type: "String", codec: "ZSTD(1)", comment: "JSON" },
            { name: "Metadata", type: "String", codec: "ZSTD(1)", comment: "JSON; empty when undefined" },
          ],
          versionColumn: "AcceptedAt",
          orderBy: ["TenantId", "AggregateId", "EventId"],
          shardBy: ["TenantId", "AggregateId"],
          settings: keyedTableSettings,
        },
        {
          kind: "table",
          name: SESSION_PROJECTION_TABLE,
          columns: [
            { name: "TenantId", type: "String", codec: "ZSTD(1)" },
            {
              name: "Generation",
              type: "LowCardinality(String)",
              codec: "ZSTD(1)",
              comment: "Of the trace projections it counts",
            },
            { name: "SessionId", type: "String", codec: "ZSTD(1)" },
            { name: "Version", type: "UInt256", codec: "ZSTD(1)" },
            ...typedColumns,
            { name: "Projection", type: "String", codec: "ZSTD(3)", comment: "The whole projection, JSON" },
            { name: "Metadata", type: "String", codec: "ZSTD(1)", comment: "JSON" },
          ],
          versionColumn: "Version",
          orderBy: ["TenantId", "Generation", "SessionId"],
          shardBy: ["TenantId", "SessionId"],
          settings: keyedTableSettings,
        },
      ],
    },
  ],
};

/** The events of sessions, in `session_events`. */
export function sessionEventTable(): EventTable<SessionEvent> {
  return {
    ...eventsTable<SessionEvent>(),
    name: SESSION_EVENT_TABLE,
    migrations: sessionClickHouseMigrations,
  };
}

/** Session projections in `session_projections`, those over one generation of trace projections. */
export function sessionProjectionTable(generation = 1): ProjectionTable<SessionProjection> {
  return {
    name: SESSION_PROJECTION_TABLE,
    columns: {
      tenantId: "TenantId",
      aggregateId: "SessionId",
      version: "Version",
      projection: "Projection",
      metadata: "Metadata",
    },
    fixed: { Generation: String(generation) },
    typedColumns,
    toTypedColumns: ({ projection: p }) => ({
      StartTimeUnixNano: p.startTimeUnixNano,
      LastActivityUnixNano: p.lastActivityUnixNano,
      TraceCount: p.traceCount,
      FailedTraceCount: p.failedTraceCount,
      TotalTokens: String(p.usage.totalTokens),
      Cost: p.cost?.amount ?? null,
      UserIds: p.userIds,
    }),
    decode: readSessionProjection,
    migrations: sessionClickHouseMigrations,
  };
}
