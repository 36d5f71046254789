import type { ClickHouseClient } from "@clickhouse/client";
import {
  EventStoreClickHouse,
  type EventStoreClickHouseOptions,
  GenerationStorageClickHouse,
  type GenerationStorageClickHouseOptions,
} from "@es/store-clickhouse";
import type { SessionEvent } from "../sessionEvent.js";
import type { SessionProjection } from "../sessionProjection.js";
import { sessionEventTable, sessionProjectionTable } from "./sessionTables.js";

/** The event store of sessions. Make one per process: calls in flight share round trips. */
export function sessionEventStoreClickHouse(
  client: ClickHouseClient,
  options: Omit<EventStoreClickHouseOptions<SessionEvent>, "table"> = {},
): EventStoreClickHouse<SessionEvent> {
  return new EventStoreClickHouse(client, { ...options, table: sessionEventTable() });
}

/** The projection stores of sessions, and what lags in them, one for each generation of trace projections. */
export function sessionGenerationStorageClickHouse(
  client: ClickHouseClient,
  options: Omit<GenerationStorageClickHouseOptions<SessionProjection>, "tableOf" | "eventTable"> = {},
): GenerationStorageClickHouse<SessionProjection> {
  return new GenerationStorageClickHouse(client, {
    ...options,
    tableOf: sessionProjectionTable,
    eventTable: sessionEventTable(),
  });
}
