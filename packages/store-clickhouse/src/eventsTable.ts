import { type Event, type EventMetadata, EventSourcingError } from "@es/core";
import { freezeJson, jsonText } from "@es/core/adapter";
import { EVENTS_TABLE, eventsTableDescription } from "./eventsTableDescription.js";
import type { EventTable } from "./eventTable.js";
import { quoteIdentifier } from "./identifier.js";
import type { MigrationSet } from "./migration.js";
import { storeClickHouseMigrations } from "./storeClickHouseMigrations.js";

export interface EventsTableOptions {
  /** The table's name. Aggregates of two kinds need a table each: they may share ids. @default "events" */
  readonly name?: string;
}

/**
 * The generic event table: any event whose data and metadata are JSON values, of one kind of aggregate. The `migrations` of
 * the table make it; those of `events` are `storeClickHouseMigrations`. Its `TEvent` is for the caller to say:
 * `eventsTable<CartEvent>({ name: "cart_events" })`, or `new EventStoreClickHouse<OrderEvent>(client)`.
 *
 * @throws EventSourcingError `INVALID_OPTIONS` for a name that is none, or is that of another table of this package
 */
export function eventsTable<TEvent extends Event = Event>({
  name = EVENTS_TABLE,
}: EventsTableOptions = {}): EventTable<TEvent> {
  assertName(name);
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
    name,
    columns: {
      tenantId: "TenantId",
      aggregateId: "AggregateId",
      eventId: "EventId",
      acceptedAt: "AcceptedAt",
    },
    insertColumns: columns,
    selectColumns: columns,
    migrations: migrationsOf(name),
    givesFrozen: true,
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
      return Object.freeze(event) as TEvent;
    },
  };
}

function toText(value: unknown, field: string): string {
  return value === undefined ? "" : jsonText(value, field);
}

function fromText(text: unknown): unknown {
  return text === "" ? undefined : freezeJson(JSON.parse(String(text)) as unknown);
}

/** Other tables of this package, in the same database. */
const taken: ReadonlySet<string> = new Set([
  "projections",
  "projection_generations",
  "replays",
  "schema_migrations",
]);

function assertName(name: string): void {
  quoteIdentifier(name);
  if (!taken.has(name) && !name.endsWith("_local")) return;
  throw new EventSourcingError(
    "INVALID_OPTIONS",
    `The table ${JSON.stringify(name)} cannot keep events: ` +
      (taken.has(name)
        ? "this package keeps something else in it."
        : "names that end with _local belong to the parts of tables on a cluster.") +
      " Choose another name.",
  );
}

function migrationsOf(name: string): MigrationSet {
  if (name === EVENTS_TABLE) return storeClickHouseMigrations;
  return {
    component: `store-clickhouse ${name}`,
    migrations: [{ version: 1, name: `create ${name}`, steps: [eventsTableDescription(name)] }],
  };
}
