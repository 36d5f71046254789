import type { Event } from "@es/core";
import type { EventTable, MigrationSet, ProjectionTable } from "../src/index.js";

/** A call of a service, as another package might keep it: columns of its own under names of its own. */
export interface CallEvent extends Event<"call", { readonly tags: readonly string[] }> {
  readonly attributes: Readonly<Record<string, string>>;
  readonly durationNano: bigint;
}

export const callMigrations: MigrationSet = {
  component: "calls",
  migrations: [
    {
      version: 1,
      name: "create calls and call_totals",
      steps: [
        {
          kind: "table",
          name: "calls",
          columns: [
            { name: "TenantId", type: "LowCardinality(String)" },
            { name: "TraceId", type: "String" },
            { name: "SpanId", type: "String" },
            { name: "Timestamp", type: "DateTime64(9, 'UTC')" },
            { name: "AcceptedAt", type: "UInt64" },
            { name: "Duration", type: "UInt64" },
            { name: "Attributes", type: "Map(LowCardinality(String), String)" },
            { name: "Events.Name", type: "Array(String)" },
            { name: "Level", type: "Enum8('low' = 1, 'high' = 2)" },
          ],
          versionColumn: "AcceptedAt",
          partitionBy: "toYYYYMM(toDateTime(intDiv(AcceptedAt, 1000000000), 'UTC'))",
          orderBy: ["TenantId", "TraceId", "SpanId"],
          shardBy: ["TenantId", "TraceId"],
        },
        {
          kind: "table",
          name: "call_totals",
          columns: [
            { name: "TenantId", type: "String" },
            { name: "TraceId", type: "String" },
            { name: "Version", type: "UInt256" },
            { name: "Total", type: "Decimal(18, 2)" },
            { name: "Projection", type: "String" },
            { name: "Metadata", type: "String" },
          ],
          versionColumn: "Version",
          orderBy: ["TenantId", "TraceId"],
          shardBy: ["TenantId", "TraceId"],
        },
      ],
    },
  ],
};

export const callTable: EventTable<CallEvent> = {
  name: "calls",
  columns: { tenantId: "TenantId", aggregateId: "TraceId", eventId: "SpanId", acceptedAt: "AcceptedAt" },
  insertColumns: [
    "TenantId",
    "TraceId",
    "SpanId",
    "Timestamp",
    "AcceptedAt",
    "Duration",
    "Attributes",
    "Events.Name",
    "Level",
  ],
  toRow: (event, tenantId) => ({
    TenantId: tenantId,
    TraceId: event.aggregateId,
    SpanId: event.id,
    Timestamp: `${event.occurredAt / 1_000_000_000n}.${String(event.occurredAt % 1_000_000_000n).padStart(9, "0")}`,
    AcceptedAt: String(event.acceptedAt),
    Duration: String(event.durationNano),
    Attributes: event.attributes,
    "Events.Name": event.data.tags,
    // Only the engine knows that there are two levels: this is how one aggregate's data can fail an insert.
    Level: event.attributes.level ?? "low",
  }),
  selectColumns: [
    { name: "StartNano", expression: "toUnixTimestamp64Nano(Timestamp)" },
    "Duration",
    "Attributes",
    "Events.Name",
    // Fails in the engine for a call without a check.
    { name: "Check", expression: "throwIf(Attributes['check'] = 'fails', 'the check failed')" },
  ],
  fromRow: (row) => ({
    id: String(row.SpanId),
    aggregateId: String(row.TraceId),
    type: "call",
    occurredAt: BigInt(String(row.StartNano)),
    acceptedAt: BigInt(String(row.AcceptedAt)),
    durationNano: BigInt(String(row.Duration)),
    attributes: row.Attributes as Record<string, string>,
    data: { tags: row["Events.Name"] as string[] },
  }),
  aggregatesAreTraces: true,
  migrations: callMigrations,
};

export interface CallTotal {
  readonly total: number;
}

export const callTotalTable: ProjectionTable<CallTotal> = {
  name: "call_totals",
  columns: {
    tenantId: "TenantId",
    aggregateId: "TraceId",
    version: "Version",
    projection: "Projection",
    metadata: "Metadata",
  },
  typedColumns: ["Total"],
  toTypedColumns: ({ projection }) => ({ Total: projection.total.toFixed(2) }),
  encode: ({ total }) => String(total),
  decode: (text) => ({ total: Number(text) }),
  aggregatesAreTraces: true,
  migrations: callMigrations,
};
