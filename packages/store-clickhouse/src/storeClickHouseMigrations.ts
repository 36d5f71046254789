import { EVENTS_TABLE, eventsTableDescription } from "./eventsTableDescription.js";
import { keyedTableSettings } from "./keyedTables.js";
import type { MigrationSet, TableDescription } from "./migration.js";

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
  migrations: [
    {
      version: 1,
      name: "create events and projections",
      steps: [eventsTableDescription(EVENTS_TABLE), projections],
    },
  ],
};
