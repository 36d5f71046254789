import type { ClickHouseClient } from "@clickhouse/client";
import {
  type EventStoreClickHouseOptions,
  EventStoreClickHouse as EventStoreOfTable,
  LagSourceClickHouse,
  type LagSourceClickHouseOptions,
  type ProjectionStoreClickHouseOptions,
  ProjectionStoreClickHouse as ProjectionStoreOfTable,
} from "@es/store-clickhouse";
import type { SpanEvent, TraceProjection } from "@es/trace-projection";
import { spanTable } from "./spanTable.js";
import { traceProjectionTable } from "./traceProjectionTable.js";

export type SpanEventStoreClickHouseOptions = Omit<EventStoreClickHouseOptions<SpanEvent>, "table">;

/**
 * The event store of spans: `EventStoreClickHouse` of `@es/store-clickhouse` on the table that ingest writes, each trace an
 * aggregate. Make one per process: calls in flight share round trips.
 */
export class EventStoreClickHouse extends EventStoreOfTable<SpanEvent> {
  constructor(client: ClickHouseClient, options: SpanEventStoreClickHouseOptions = {}) {
    super(client, { ...options, table: spanTable() });
  }
}

/** Makes an {@link EventStoreClickHouse}. */
export function spanEventStoreClickHouse(
  client: ClickHouseClient,
  options: SpanEventStoreClickHouseOptions = {},
): EventStoreClickHouse {
  return new EventStoreClickHouse(client, options);
}

export interface TraceProjectionStoreClickHouseOptions
  extends Omit<ProjectionStoreClickHouseOptions<TraceProjection>, "table"> {
  /** The version of the handler that makes them. @default 1 */
  readonly generation?: number;
}

/**
 * The projection store of traces: `ProjectionStoreClickHouse` of `@es/store-clickhouse` on the table that the read API reads.
 * Make one per process and generation: calls in flight share round trips.
 */
export class ProjectionStoreClickHouse extends ProjectionStoreOfTable<TraceProjection> {
  constructor(
    client: ClickHouseClient,
    { generation, ...options }: TraceProjectionStoreClickHouseOptions = {},
  ) {
    super(client, { ...options, table: traceProjectionTable(generation) });
  }
}

/** Makes a {@link ProjectionStoreClickHouse}. */
export function traceProjectionStoreClickHouse(
  client: ClickHouseClient,
  options: TraceProjectionStoreClickHouseOptions = {},
): ProjectionStoreClickHouse {
  return new ProjectionStoreClickHouse(client, options);
}

export interface TraceLagSourceClickHouseOptions
  extends Omit<LagSourceClickHouseOptions, "eventTable" | "projectionTable"> {
  /** The version of the handler whose projections are compared. @default 1 */
  readonly generation?: number;
}

/** Finds the traces of all tenants with spans that their projection has not seen. */
export function traceLagSourceClickHouse(
  client: ClickHouseClient,
  { generation, ...options }: TraceLagSourceClickHouseOptions = {},
): LagSourceClickHouse {
  return new LagSourceClickHouse(client, {
    ...options,
    projectionTable: traceProjectionTable(generation),
    eventTable: spanTable(),
  });
}
