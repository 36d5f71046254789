import { aggregateSourceContract, type ContractEvent } from "@es/testkit";
import { expect, it } from "vitest";
import { newTestDatabase } from "../test/testDatabase.js";
import { AggregateSourceClickHouse } from "./aggregateSourceClickHouse.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";

aggregateSourceContract({
  name: "AggregateSourceClickHouse",
  setUp: async () => {
    const db = await newTestDatabase();
    const { client, database } = db;
    return {
      store: new EventStoreClickHouse<ContractEvent>(client, { database }),
      source: new AggregateSourceClickHouse(client, { database }),
      db,
      tearDown: () => db.drop(),
    };
  },
  settle: ({ db }) => db.optimize("events"),
});

it("lists past rows that were not written by us, at any size of page", async () => {
  const { client, database, drop } = await newTestDatabase();
  const source = new AggregateSourceClickHouse(client, { database });
  const ids = [
    "'acme', 'a'",
    "'acme', unhex('FF')",
    "'acme', unhex('FFFF')",
    "unhex('FF'), 'a'",
    "'zzz', 'b'",
  ];
  const foreign = ["'', 'a'", "'', 'b'", "'\\0', 'a'", "'\\0', 'b'"];
  await client.command({
    query:
      `INSERT INTO ${database}.events (TenantId, AggregateId, EventId, AcceptedAt) VALUES ` +
      [...foreign, ...ids].map((ref) => `(${ref}, '1', 1)`).join(", "),
  });
  for (const limit of [1, 2, 100]) {
    const found: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page: Awaited<ReturnType<typeof source.listAggregates>> = await source.listAggregates(
        {},
        { limit, ...(cursor === null ? {} : { cursor }) },
      );
      found.push(...page.items.map((ref) => `${ref.tenantId}/${ref.aggregateId}`));
      cursor = page.nextCursor;
    } while (cursor !== null && ++pages < 20);
    expect(found, `pages of ${limit}`).toEqual(["acme/a", "zzz/b"]);
  }
  await drop();
});
