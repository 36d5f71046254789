import { type ListChangedOptions, type Page, parseTenantId } from "@es/core";
import { type ContractEvent, changedEventsContract, eventStoreContract } from "@es/testkit";
import { expect, it } from "vitest";
import { newTestDatabase } from "../test/testDatabase.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";

eventStoreContract({
  name: "EventStoreClickHouse",
  // Each run asks the engine often; the store in memory has the default.
  numRuns: 10,
  setUp: async () => {
    const db = await newTestDatabase();
    const store = new EventStoreClickHouse<ContractEvent>(db.client, { database: db.database });
    return { store, db, tearDown: () => db.drop() };
  },
  settle: ({ db }) => db.optimize("events"),
  plantUndecodable: async ({ db }, { tenantId, aggregateId }) => {
    await db.client.insert({
      table: `${db.database}.events`,
      values: [
        { TenantId: tenantId, AggregateId: aggregateId, EventId: "planted", Type: "t", Data: "{oops" },
      ],
      format: "JSONEachRow",
    });
  },
});

changedEventsContract({
  name: "EventStoreClickHouse",
  // Each run asks the engine often; the store in memory has the default.
  numRuns: 10,
  setUp: async () => {
    const db = await newTestDatabase();
    const store = new EventStoreClickHouse<ContractEvent>(db.client, { database: db.database });
    return { store, db, tearDown: () => db.drop() };
  },
  settle: ({ db }) => db.optimize("events"),
  removeEvent: async ({ db }, { aggregateId, id }, { tenantId }) => {
    await db.client.command({
      query:
        `DELETE FROM ${db.database}.events WHERE TenantId = {tenantId: String} AND ` +
        "AggregateId = {aggregateId: String} AND EventId = {id: String}",
      query_params: { tenantId, aggregateId, id },
      clickhouse_settings: { lightweight_deletes_sync: "2" },
    });
  },
});

it("ends its listings beside rows whose ids are no text, at any size of page", async () => {
  const { client, database, drop } = await newTestDatabase();
  const store = new EventStoreClickHouse<ContractEvent>(client, { database });
  await client.command({
    query:
      `INSERT INTO ${database}.events (TenantId, AggregateId, EventId, AcceptedAt) VALUES ` +
      "('acme', 'a', '1', 1), ('acme', unhex('FF'), '1', 1), ('acme', unhex('FFFF'), '1', 1)",
  });
  const tenantId = parseTenantId("acme");
  for (const limit of [1, 2, 100]) {
    const found: string[] = [];
    for (const list of ["listAggregateIds", "listChangedAggregates"] as const) {
      let cursor: string | null = null;
      let pages = 0;
      do {
        const options: ListChangedOptions = { since: 0n, limit, ...(cursor === null ? {} : { cursor }) };
        const page: Page<string | { readonly aggregateId: string }> = await store[list](
          { tenantId },
          options,
        );
        found.push(...page.items.map((item) => (typeof item === "string" ? item : item.aggregateId)));
        cursor = page.nextCursor;
      } while (cursor !== null && ++pages < 20);
    }
    expect(found, `pages of ${limit}`).toEqual(["a", "a"]);
  }
  await drop();
});

it("refuses to read an aggregate that is larger than the limit, alone or with others, and only that", async () => {
  const { client, database, drop } = await newTestDatabase();
  const options = { database, maxAggregateBytes: 100_000 };
  const store = new EventStoreClickHouse<ContractEvent>(client, options);
  const context = { tenantId: parseTenantId("acme") };
  const event = (aggregateId: string, n: number, text: string): ContractEvent => ({
    id: `${n}`,
    aggregateId,
    type: "t",
    occurredAt: BigInt(n),
    acceptedAt: BigInt(n),
    data: { text } as never,
  });
  await store.storeEvents(
    ["small", "large", "other"].flatMap((id) =>
      Array.from({ length: 12 }, (_, n) => event(id, n, "x".repeat(id === "large" ? 20_000 : 20))),
    ),
    context,
  );
  const tooLarge = expect.objectContaining({
    code: "AGGREGATE_TOO_LARGE",
    errorClass: "poison",
    fields: expect.objectContaining({ aggregateId: "large", maxBytes: 100_000 }),
  });
  await expect(store.getEvents("large", context)).rejects.toEqual(tooLarge);
  const together = await Promise.allSettled(
    ["small", "large", "other"].map((id) => store.getEvents(id, context)),
  );
  expect(together.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  await expect(store.getEventsOfMany(["small", "large"], context)).rejects.toEqual(tooLarge);

  const raised = new EventStoreClickHouse<ContractEvent>(client, { database, maxAggregateBytes: 10_000_000 });
  expect(await raised.getEvents("large", context)).toHaveLength(12);
  expect(() => new EventStoreClickHouse(client, { maxAggregateBytes: 0 })).toThrow(/maxAggregateBytes/);
  await drop();
});
