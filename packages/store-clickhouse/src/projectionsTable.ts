import { EventSourcingError } from "@es/core";
import { assertGenerationNumber } from "@es/processing";
import type { ProjectionTable } from "./projectionTable.js";
import { storeClickHouseMigrations } from "./storeClickHouseMigrations.js";

export interface ProjectionsTableOptions {
  /** The kind of projection: one aggregate can have one of each. @default "default" */
  readonly name?: string;
  /** The version of the handler, for generations side by side: each has records of its own. @default 1 */
  readonly generation?: number;
}

/**
 * The generic projection table `projections`: any projections that are JSON values, several kinds side by side.
 *
 * @throws EventSourcingError `INVALID_OPTIONS` for a name that ends like `@2`, as those of generations do
 */
export function projectionsTable<TProjection = unknown>(
  options: ProjectionsTableOptions = {},
): ProjectionTable<TProjection> {
  const { name = "default", generation = 1 } = options;
  assertGenerationNumber(generation);
  if (/@\d+$/.test(name)) {
    throw new EventSourcingError(
      "INVALID_OPTIONS",
      `The kind of projection ${JSON.stringify(name)} ends like a generation. Choose another, or give the generation as an option.`,
    );
  }
  return {
    name: "projections",
    columns: {
      tenantId: "TenantId",
      aggregateId: "AggregateId",
      version: "Version",
      projection: "Data",
      metadata: "Metadata",
    },
    fixed: { Projection: generation === 1 ? name : `${name}@${generation}` },
    migrations: storeClickHouseMigrations,
  };
}
