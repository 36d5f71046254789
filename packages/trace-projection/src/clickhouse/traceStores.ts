import type { ClickHouseClient } from "@clickhouse/client";
import {
  EventStoreClickHouse,
  type EventStoreClickHouseOptions,
  LagSourceClickHouse,
  type LagSourceClickHouseOptions,
  ProjectionStoreClickHouse,
  type ProjectionStoreClickHouseOptions,
} from "@es/store-clickhouse";
import type { SpanEvent } from "../spanEvent.js";
import type { TraceProjection } from "../traceProjection.js";
import { spanTable } from "./spanTable.js";
import { traceProjectionTable } from "./traceProjectionTable.js";

/** The event store of spans. Make one per process: calls in flight share round trips. */
export function spanEventStoreClickHouse(
  client: ClickHouseClient,
  options: Omit<EventStoreClickHouseOptions<SpanEvent>, "table"> = {},
): EventStoreClickHouse<SpanEvent> {
  return new EventStoreClickHouse(client, { ...options, table: spanTable() });
}

export interface TraceProjectionStoreClickHouseOptions
  extends Omit<ProjectionStoreClickHouseOptions<TraceProjection>, "table"> {
  /** The version of the handler that makes them. @default 1 */
  readonly generation?: number;
}

/** The projection store of traces. Make one per process and generation: calls in flight share round trips. */
export function traceProjectionStoreClickHouse(
  client: ClickHouseClient,
  { generation, ...options }: TraceProjectionStoreClickHouseOptions = {},
): ProjectionStoreClickHouse<TraceProjection> {
  return new ProjectionStoreClickHouse(client, { ...options, table: traceProjectionTable(generation) });
}

/** Finds the traces of all tenants with spans that their projection has not seen. */
export function traceLagSourceClickHouse(
  client: ClickHouseClient,
  options: Omit<LagSourceClickHouseOptions, "eventTable"> = {},
): LagSourceClickHouse {
  return new LagSourceClickHouse(client, {
    projectionTable: traceProjectionTable(),
    ...options,
    eventTable: spanTable(),
  });
}
