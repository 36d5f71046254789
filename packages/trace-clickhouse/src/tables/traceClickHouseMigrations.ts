import { EventSourcingError } from "@es/core";
import { assertGenerationNumber } from "@es/processing";
import type { Migration, MigrationSet } from "@es/store-clickhouse";
import { otelTracesTraceIdTsView, otelTracesView, spanTableDescription } from "./spanTableDescription.js";
import {
  listedColumns,
  traceProjectionTableDescription,
  traceProjectionTableName,
} from "./traceProjectionTableDescription.js";

export interface TraceClickHouseMigrationsOptions {
  /**
   * Spans expire so many days after they were accepted; read once, when the table is made. Projections stay: one that
   * was folded from more spans is never replaced by one of what is left. @default for ever
   */
  readonly spanRetentionDays?: number;
}

/** @throws EventSourcingError `INVALID_OPTIONS` */
export function createTraceClickHouseMigrations(
  options: TraceClickHouseMigrationsOptions = {},
): MigrationSet {
  const { spanRetentionDays } = options;
  if (
    spanRetentionDays !== undefined &&
    !(Number.isSafeInteger(spanRetentionDays) && spanRetentionDays > 0)
  ) {
    throw new EventSourcingError(
      "INVALID_OPTIONS",
      `spanRetentionDays must be a whole number from 1, got ${spanRetentionDays}.`,
    );
  }
  return {
    component: "trace-projection",
    migrations: [
      {
        version: 1,
        name: "create spans, trace projections and the exporter's views",
        steps: [
          spanTableDescription(spanRetentionDays),
          traceProjectionTableDescription(1),
          otelTracesView,
          otelTracesTraceIdTsView,
        ],
      },
      addListed(1),
    ],
  };
}

/** Makes `spans`, `trace_projections`, `otel_traces` and `otel_traces_trace_id_ts`. */
export const traceClickHouseMigrations: MigrationSet = createTraceClickHouseMigrations();

/**
 * Makes the table of one generation of trace projections; that of the first is `trace_projections`, made with all others.
 *
 * @throws EventSourcingError `INVALID_OPTIONS`
 */
export function traceGenerationMigrations(generation: number): MigrationSet {
  assertGenerationNumber(generation);
  if (generation === 1) return traceClickHouseMigrations;
  return {
    component: `trace-projection-v${generation}`,
    migrations: [
      {
        version: 1,
        name: `create generation ${generation} of trace projections`,
        steps: [traceProjectionTableDescription(generation)],
      },
      addListed(generation),
    ],
  };
}

/** Tables that were made before these columns get them. Rows that are there have nothing in them. */
function addListed(generation: number): Migration {
  const table = traceProjectionTableName(generation);
  return {
    version: 2,
    name: "add what listings read of large projections",
    steps: [{ kind: "addition", table, columns: listedColumns }],
  };
}
