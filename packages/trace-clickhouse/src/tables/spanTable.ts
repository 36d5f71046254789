import type { EventTable } from "@es/store-clickhouse";
import type { SpanEvent } from "@es/trace-projection";
import { binarySpanRows } from "../columns/binarySpanRow.js";
import {
  spanEventFromRow,
  spanEventToRow,
  spanInsertColumns,
  spanSelectColumns,
} from "../columns/spanRow.js";
import { SPAN_TABLE } from "./spanTableDescription.js";
import { traceClickHouseMigrations } from "./traceClickHouseMigrations.js";

/** Spans in the table `spans`, exactly as they were sent. An event's metadata is not kept. */
export function spanTable(): EventTable<SpanEvent> {
  return {
    name: SPAN_TABLE,
    columns: {
      tenantId: "TenantId",
      aggregateId: "TraceId",
      eventId: "SpanId",
      acceptedAt: "AcceptedAt",
    },
    insertColumns: spanInsertColumns,
    selectColumns: spanSelectColumns,
    toRow: spanEventToRow,
    fromRow: spanEventFromRow,
    binary: binarySpanRows,
    aggregatesAreTraces: true,
    migrations: traceClickHouseMigrations,
  };
}
