import { type Event, isEventSourcingError, parseTenantId } from "@es/core";
import { scheduleLagging } from "@es/processing";
import { contractEvent, eventStoreContract } from "@es/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newTestDatabase, type TestDatabase } from "../test/testDatabase.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";
import { eventsTable } from "./eventsTable.js";
import { LagSourceClickHouse } from "./lagSourceClickHouse.js";
import { migrate } from "./migrate.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";
import { projectionsTable } from "./projectionsTable.js";

const NAME = "cart-events.2024";

eventStoreContract({
  name: "EventStoreClickHouse on a table of one kind of aggregate",
  numRuns: 5,
  setUp: async () => {
    const db = await newTestDatabase();
    const { client, database } = db;
    const table = eventsTable({ name: NAME });
    await migrate(client, { database, migrations: [table.migrations] });
    return { store: new EventStoreClickHouse(client, { database, table }), tearDown: () => db.drop() };
  },
});

describe("eventsTable", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await newTestDatabase();
  });
  afterAll(() => db.drop());
  const tenantId = parseTenantId("acme");

  it("keeps aggregates of two kinds apart, also when one of them is reconciled", async () => {
    const { client, database } = db;
    const kinds = ["cart", "account"].map((kind) => {
      const table = eventsTable<Event>({ name: `${kind}_events` });
      const projections = projectionsTable<unknown>({ name: kind });
      return {
        table,
        events: new EventStoreClickHouse(client, { database, table }),
        projections: new ProjectionStoreClickHouse(client, { database, table: projections }),
        lag: new LagSourceClickHouse(client, { database, eventTable: table, projectionTable: projections }),
      };
    });
    const [cart, account] = kinds as [(typeof kinds)[0], (typeof kinds)[0]];
    await migrate(client, { database, migrations: kinds.map(({ table }) => table.migrations) });
    const stored = contractEvent({ aggregateId: "1", id: "deposit" });
    await account.events.storeEvents([stored], { tenantId });
    await account.events.storeEvents([contractEvent({ aggregateId: "2" })], { tenantId });
    await cart.events.storeEvents([contractEvent({ aggregateId: "3" })], { tenantId });

    expect(await cart.events.getEvents("1", { tenantId })).toEqual([]);
    expect(await account.events.getEvents("1", { tenantId })).toEqual([stored]);
    const scheduledBy = async ({ lag }: { readonly lag: LagSourceClickHouse }) => {
      const scheduled: string[] = [];
      await scheduleLagging(lag, {
        schedule: async (refs) => void scheduled.push(...refs.map(({ aggregateId }) => aggregateId)),
      });
      return scheduled;
    };
    expect(await scheduledBy(cart)).toEqual(["3"]);
    expect(await scheduledBy(account)).toEqual(["1", "2"]);
  });

  it("is made again without harm, and names its component where it is missing", async () => {
    const { client, database } = db;
    const table = eventsTable({ name: "orders" });
    const store = new EventStoreClickHouse<Event>(client, { database, table });
    const missing = await store.getEvents("1", { tenantId }).catch((error: unknown) => error);
    expect(isEventSourcingError(missing, "STORE_SCHEMA_MISMATCH")).toBe(true);
    expect((missing as Error).message).toContain("orders");
    const applied = await migrate(client, { database, migrations: [table.migrations] });
    expect(applied.applied).toEqual([
      { component: "store-clickhouse orders", version: 1, name: "create orders" },
    ]);
    expect((await migrate(client, { database, migrations: [table.migrations] })).applied).toEqual([]);
    expect(await store.getEvents("1", { tenantId })).toEqual([]);
  });

  it.each([
    "projections",
    "schema_migrations",
    "replays",
    "projection_generations",
    "a_local",
    "a`b",
    "",
    "a\nb",
  ])("refuses the name %j", (name) => {
    expect(() => eventsTable({ name })).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  });
});
