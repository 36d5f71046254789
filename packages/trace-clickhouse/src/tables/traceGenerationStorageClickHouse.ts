import type { ClickHouseClient } from "@clickhouse/client";
import { GenerationStorageClickHouse, type GenerationStorageClickHouseOptions } from "@es/store-clickhouse";
import type { TraceProjection } from "@es/trace-projection";
import { spanTable } from "./spanTable.js";
import { traceProjectionTable } from "./traceProjectionTable.js";

/** Where the generations of trace projections are kept, for `GenerationOperations`. */
export function traceGenerationStorageClickHouse(
  client: ClickHouseClient,
  options: Omit<GenerationStorageClickHouseOptions<TraceProjection>, "tableOf" | "eventTable"> = {},
): GenerationStorageClickHouse<TraceProjection> {
  return new GenerationStorageClickHouse(client, {
    ...options,
    tableOf: traceProjectionTable,
    eventTable: spanTable(),
  });
}
