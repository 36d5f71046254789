import type { ProjectionTable } from "./projectionTable.js";
import { storeClickHouseMigrations } from "./storeClickHouseMigrations.js";

export interface ProjectionsTableOptions {
  /** The kind of projection: one aggregate can have one of each. @default "default" */
  readonly name?: string;
}

/** The generic projection table `projections`: any projections that are JSON values, several kinds side by side. */
export function projectionsTable<TProjection = unknown>(
  options: ProjectionsTableOptions = {},
): ProjectionTable<TProjection> {
  return {
    name: "projections",
    columns: {
      tenantId: "TenantId",
      aggregateId: "AggregateId",
      version: "Version",
      projection: "Data",
      metadata: "Metadata",
    },
    fixed: { Projection: options.name ?? "default" },
    migrations: storeClickHouseMigrations,
  };
}
