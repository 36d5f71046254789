import type { GenerationChange, GenerationChangeType } from "@es/processing";
import type { EventTable } from "./eventTable.js";
import type { MigrationSet, TableDescription } from "./migration.js";

const NAME = "projection_generations";

const description: TableDescription = {
  kind: "table",
  name: NAME,
  columns: [
    { name: "TenantId", type: "String", comment: "One for all: generations are those of all tenants" },
    { name: "Projection", type: "String", comment: "The kind of projection" },
    { name: "ChangeId", type: "String" },
    {
      name: "Change",
      type: "LowCardinality(String)",
      comment: "opened, begun, switched, rolled-back, retired",
    },
    { name: "Generation", type: "UInt32", comment: "The version of its handler" },
    { name: "Revision", type: "UInt32", comment: "The order of changes, then by ChangeId" },
    { name: "OccurredAt", type: "UInt64", comment: "Unix nanoseconds" },
    { name: "AcceptedAt", type: "UInt64", comment: "Unix nanoseconds, our clock, frozen" },
  ],
  versionColumn: "AcceptedAt",
  orderBy: ["TenantId", "Projection", "ChangeId"],
  shardBy: ["TenantId", "Projection"],
};

/** Makes the table `projection_generations`. */
export const generationClickHouseMigrations: MigrationSet = {
  component: "store-clickhouse-generations",
  migrations: [{ version: 1, name: "create projection_generations", steps: [description] }],
};

const PREFIX = "generation.";

/** The table `projection_generations`, for the event store of `ProjectionGenerations`: a row per change, kept for ever. */
export function generationChangesTable(): EventTable<GenerationChange> {
  return {
    name: NAME,
    columns: {
      tenantId: "TenantId",
      aggregateId: "Projection",
      eventId: "ChangeId",
      acceptedAt: "AcceptedAt",
    },
    insertColumns: description.columns.map(({ name }) => name),
    selectColumns: ["Change", "Generation", "Revision", "OccurredAt"],
    migrations: generationClickHouseMigrations,
    toRow: (change, tenantId) => ({
      TenantId: tenantId,
      Projection: change.aggregateId,
      ChangeId: change.id,
      Change: change.type.slice(PREFIX.length),
      Generation: change.data.generation,
      Revision: change.data.revision,
      OccurredAt: String(change.occurredAt),
      AcceptedAt: String(change.acceptedAt),
    }),
    fromRow: (row) => ({
      id: String(row.ChangeId),
      aggregateId: String(row.Projection),
      type: `${PREFIX}${String(row.Change)}` as GenerationChangeType,
      occurredAt: BigInt(String(row.OccurredAt)),
      acceptedAt: BigInt(String(row.AcceptedAt)),
      data: { generation: Number(row.Generation), revision: Number(row.Revision) },
    }),
  };
}
