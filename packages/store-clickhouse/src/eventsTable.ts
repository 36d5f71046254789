import { canonicalJson, type Event, type EventMetadata } from "@es/core";
import type { EventTable } from "./eventTable.js";
import { assertJson } from "./jsonValue.js";
import { storeClickHouseMigrations } from "./storeClickHouseMigrations.js";

/**
 * The generic event table `events`: any event whose data and metadata are JSON values. Its `TEvent` is for the caller to say: `new EventStoreClickHouse<OrderEvent>(client)`.
 */
export function eventsTable<TEvent extends Event = Event>(): EventTable<TEvent> {
  const columns = [
    "TenantId",
    "AggregateId",
    "EventId",
    "Type",
    "OccurredAt",
    "AcceptedAt",
    "Data",
    "Metadata",
  ];
  return {
    name: "events",
    columns: {
      tenantId: "TenantId",
      aggregateId: "AggregateId",
      eventId: "EventId",
      acceptedAt: "AcceptedAt",
    },
    insertColumns: columns,
    selectColumns: columns,
    migrations: storeClickHouseMigrations,
    toRow: (event, tenantId) => ({
      TenantId: tenantId,
      AggregateId: event.aggregateId,
      EventId: event.id,
      Type: event.type,
      OccurredAt: String(event.occurredAt),
      AcceptedAt: String(event.acceptedAt),
      Data: toText(event.data, "data"),
      Metadata: toText(event.metadata, "metadata"),
    }),
    fromRow: (row) => {
      const metadata = fromText(row.Metadata) as EventMetadata | undefined;
      const event: Event = {
        id: String(row.EventId),
        aggregateId: String(row.AggregateId),
        type: String(row.Type),
        occurredAt: BigInt(String(row.OccurredAt)),
        acceptedAt: BigInt(String(row.AcceptedAt)),
        data: fromText(row.Data),
        ...(metadata === undefined ? {} : { metadata }),
      };
      return event as TEvent;
    },
  };
}

function toText(value: unknown, field: string): string {
  if (value === undefined) return "";
  assertJson(value, field);
  return canonicalJson(value);
}

function fromText(text: unknown): unknown {
  return text === "" ? undefined : JSON.parse(String(text));
}
