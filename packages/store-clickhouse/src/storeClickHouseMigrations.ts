import { keyedTableSettings } from "./keyedTables.js";
import type { MigrationSet, TableDescription } from "./migration.js";

const events: TableDescription = {
  kind: "table",
  name: "events",
  columns: [
    { name: "TenantId", type: "String", codec: "ZSTD(1)" },
    { name: "AggregateId", type: "String", codec: "ZSTD(1)" },
    { name: "EventId", type: "String", codec: "ZSTD(1)" },
    { name: "Type", type: "LowCardinality(String)", codec: "ZSTD(1)" },
    {
      name: "OccurredAt",
      type: "UInt64",
      codec: "Delta, ZSTD(1)",
      comment: "Unix nanoseconds, the emitter's clock",
    },
    {
      name: "AcceptedAt",
      type: "UInt64",
      codec: "Delta, ZSTD(1)",
      comment: "Unix nanoseconds, our clock, frozen",
    },
    { name: "Data", type: "String", codec: "ZSTD(1)", comment: "JSON; empty when undefined" },
    { name: "Metadata", type: "String", codec: "ZSTD(1)", comment: "JSON; empty when undefined" },
  ],
  versionColumn: "AcceptedAt",
  // Months, by the only time that never changes and is never the customer's.
  partitionBy: "toYYYYMM(toDateTime(intDiv(AcceptedAt, 1000000000), 'UTC'))",
  orderBy: ["TenantId", "AggregateId", "EventId"],
  shardBy: ["TenantId", "AggregateId"],
  settings: keyedTableSettings,
};

const projections: TableDescription = {
  kind: "table",
  name: "projections",
  columns: [
    { name: "TenantId", type: "String", codec: "ZSTD(1)" },
    {
      name: "Projection",
      type: "LowCardinality(String)",
      codec: "ZSTD(1)",
      comment: "The kind of projection",
    },
    { name: "AggregateId", type: "String", codec: "ZSTD(1)" },
    { name: "Version", type: "UInt256", codec: "ZSTD(1)" },
    { name: "Data", type: "String", codec: "ZSTD(1)", comment: "What the event handler returned, as JSON" },
    { name: "Metadata", type: "String", codec: "ZSTD(1)", comment: "JSON" },
  ],
  versionColumn: "Version",
  // No partitions: versions of one projection would never merge across them.
  orderBy: ["TenantId", "Projection", "AggregateId"],
  shardBy: ["TenantId", "AggregateId"],
  settings: keyedTableSettings,
};

/** Makes the generic tables `events` and `projections`. */
export const storeClickHouseMigrations: MigrationSet = {
  component: "store-clickhouse",
  migrations: [{ version: 1, name: "create events and projections", steps: [events, projections] }],
};
