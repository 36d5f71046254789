import { keyedTableSettings } from "./keyedTables.js";
import type { TableDescription } from "./migration.js";

export const EVENTS_TABLE = "events";

/** The generic events of one kind of aggregate. */
export function eventsTableDescription(name: string): TableDescription {
  return {
    kind: "table",
    name,
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
}
