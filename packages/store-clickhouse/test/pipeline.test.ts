import {
  createEventSourcingPipeline,
  type Event,
  type EventHandler,
  type EventStream,
  makeProjectionVersion,
  parseTenantId,
} from "@es/core";
import { createAcceptedClock } from "@es/core/adapter";
import { contractEvent } from "@es/testkit";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import {
  EventStoreClickHouse,
  eventsTable,
  ProjectionStoreClickHouse,
  projectionsTable,
} from "../src/index.js";
import { type CallEvent, callTable } from "./callTables.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

type CounterEvent = Event<"added", number>;
interface CounterProjection {
  readonly total: number;
}
const tenantId = parseTenantId("acme");
const eventHandler: EventHandler<string, CounterEvent, CounterProjection> = {
  handle: (stream: EventStream<string, CounterEvent>) => ({
    total: stream.events.reduce((sum, { data }) => sum + data, 0),
  }),
};

describe("a pipeline on ClickHouse", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await newTestDatabase();
  });
  afterAll(() => db.drop());

  it("takes stores without type arguments, and rebuilds", async () => {
    const { client, database } = db;
    const { service } = createEventSourcingPipeline({
      eventStore: new EventStoreClickHouse(client, { database }),
      projectionStore: new ProjectionStoreClickHouse(client, { database }),
      eventHandler,
      serviceOptions: {
        ordering: "timestamp",
      },
    });
    const store = new EventStoreClickHouse<CounterEvent>(client, { database });
    const clock = createAcceptedClock();
    const contexts = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
    const added = (id: string, data: number) =>
      contractEvent({ id, type: "added", data, acceptedAt: clock.next() }) as CounterEvent;

    await store.storeEvents([added("a", 1), added("b", 2)], { tenantId });
    await service.rebuildProjection("aggregate-1", contexts);
    await store.storeEvents([added("b", 20)], { tenantId });
    const rebuilt = await service.rebuildProjection("aggregate-1", contexts);
    expect(rebuilt).toMatchObject({ outcome: "rebuilt", record: { projection: { total: 21 } } });
    await service.forceRebuildProjection("aggregate-1", contexts);
    const read = await service.getProjection("aggregate-1", contexts);
    expect(read).toMatchObject({ status: "found", record: { projection: { total: 21 } } });
    expectTypeOf(read).extract<{ status: "found" }>().toHaveProperty("record");
    const all = await service.rebuildAllProjections(contexts);
    expect(all).toMatchObject({ rebuilt: 1, failed: 0 });
  });

  it("infers the events and projections of a table", () => {
    const { client } = db;
    expectTypeOf(new EventStoreClickHouse(client)).toEqualTypeOf<EventStoreClickHouse<never>>();
    expectTypeOf(new EventStoreClickHouse(client, { database: "es" })).toEqualTypeOf<
      EventStoreClickHouse<never>
    >();
    expectTypeOf(new EventStoreClickHouse(client, { table: callTable })).toEqualTypeOf<
      EventStoreClickHouse<CallEvent>
    >();
    expectTypeOf(new EventStoreClickHouse(client, { table: eventsTable<CounterEvent>() })).toEqualTypeOf<
      EventStoreClickHouse<CounterEvent>
    >();
    expectTypeOf(new ProjectionStoreClickHouse(client)).toEqualTypeOf<ProjectionStoreClickHouse<never>>();
    expectTypeOf(
      new ProjectionStoreClickHouse(client, { table: projectionsTable<CounterProjection>() }),
    ).toEqualTypeOf<ProjectionStoreClickHouse<CounterProjection>>();
    // @ts-expect-error nobody can store events in a store without a type
    const store = () => new EventStoreClickHouse(client).storeEvents([contractEvent()], { tenantId });
    expect(store).toBeTypeOf("function");
  });

  it("keeps several kinds of projections of one aggregate apart", async () => {
    const { client, database } = db;
    const version = makeProjectionVersion({
      eventCount: 1,
      acceptedSum: 1n,
      handlerVersion: 1,
      revision: 0,
    });
    const kinds = ["summary", "it's \\ another"].map(
      (name) =>
        new ProjectionStoreClickHouse(client, { database, table: projectionsTable<string>({ name }) }),
    );
    const metadata = { eventCount: 1, firstEventTimestamp: "1", lastEventTimestamp: "1" };
    for (const [i, store] of kinds.entries()) {
      await store.storeProjection(
        { aggregateId: "shared", version, projection: `kind ${i}`, metadata },
        { tenantId },
      );
    }
    const read = await Promise.all(kinds.map((store) => store.getProjection("shared", { tenantId })));
    expect(read).toMatchObject([{ record: { projection: "kind 0" } }, { record: { projection: "kind 1" } }]);
    const other = new ProjectionStoreClickHouse(client, { database });
    expect(await other.getProjection("shared", { tenantId })).toEqual({ status: "absent" });
  });

  it("refuses data that would not come back as it was", async () => {
    const store = new EventStoreClickHouse<Event>(db.client, { database: db.database });
    for (const data of [1n, Number.NaN, new Date(0), new Map(), [undefined], { deep: { fn: () => 1 } }]) {
      await expect(
        store.storeEvents(
          [contractEvent({ aggregateId: "json" }), contractEvent({ aggregateId: "json", data })],
          {
            tenantId,
          },
        ),
      ).rejects.toMatchObject({ code: "INVALID_EVENT" });
    }
    expect(await store.getEvents("json", { tenantId })).toEqual([]);
  });
});
