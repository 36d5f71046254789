// What stands around the example of the pipeline in the documentation it was designed from.
import { randomUUID } from "node:crypto";
import { createClient } from "@clickhouse/client";
import { type Event, parseTenantId } from "@es/core";
import { EventStoreClickHouse, migrate, ProjectionStoreClickHouse, storeClickHouseMigrations } from "@es/store-clickhouse";
import { afterAll, expect, it } from "vitest";

interface SpanEvent extends Event<"span", { readonly name: string }> {}
interface TraceProjection {
  readonly names: readonly string[];
}
const buildTraceProjection = (stream: EventStream<string, SpanEvent>): TraceProjection => ({
  names: stream.events.map(({ data }) => data.name),
});

const database = `snippet_${randomUUID().replaceAll("-", "")}`;
const admin = createClient({ url: process.env.CLICKHOUSE_URL ?? "" });
await migrate(admin, { database, migrations: [storeClickHouseMigrations] });
const client = createClient({ url: process.env.CLICKHOUSE_URL ?? "", database });
const tenantId = parseTenantId("acme");
const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = (id: string, occurredAt: bigint, name: string): SpanEvent => {
  return { id, aggregateId: traceId, type: "span", occurredAt, acceptedAt: 1n, data: { name } };
};
await new EventStoreClickHouse<SpanEvent>(client).storeEvents([span("b", 2n, "second"), span("a", 1n, "first")], {
  tenantId,
});

// The example itself, to the letter but for the path of the import.
import { createEventSourcingPipeline, type EventHandler, type EventStream } from "@es/core";

const eventHandler: EventHandler<string, SpanEvent, TraceProjection> = {
  handle(stream: EventStream<string, SpanEvent>) {
    return buildTraceProjection(stream);
  },
};

const { service } = createEventSourcingPipeline({
  eventStore: new EventStoreClickHouse(client),
  projectionStore: new ProjectionStoreClickHouse(client),
  eventHandler,
  serviceOptions: {
    ordering: "timestamp",
  },
});

await service.rebuildProjection(traceId, {
  eventStoreContext: { tenantId },
  projectionStoreContext: { tenantId },
});

// It compiles, and it works.
afterAll(async () => {
  await admin.command({ query: `DROP DATABASE ${database}` });
  await client.close();
  await admin.close();
});
it("rebuilds the projection of a trace", async () => {
  const read = await service.getProjection(traceId, { projectionStoreContext: { tenantId } });
  expect(read).toMatchObject({ status: "found", record: { projection: { names: ["first", "second"] } } });
});
