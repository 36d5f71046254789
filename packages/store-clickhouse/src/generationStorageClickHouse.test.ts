import { generationStorageContract } from "@es/testkit";
import { expect, it } from "vitest";
import { newTestDatabase } from "../test/testDatabase.js";
import { GenerationStorageClickHouse } from "./generationStorageClickHouse.js";
import { projectionsTable } from "./projectionsTable.js";

generationStorageContract({
  name: "GenerationStorageClickHouse over the generic table",
  async setUp() {
    const { client, database, optimize, drop } = await newTestDatabase([]);
    return {
      storage: new GenerationStorageClickHouse<unknown>(client, {
        database,
        tableOf: (generation) => projectionsTable({ name: "orders", generation }),
      }),
      settle: () => optimize("projections"),
      tearDown: drop,
    };
  },
  makeProjection: (number, aggregateId) => ({ number, aggregateId }),
});

it("samples past rows that were not written by us", async () => {
  const { client, database, drop } = await newTestDatabase([]);
  const storage = new GenerationStorageClickHouse<unknown>(client, {
    database,
    tableOf: (generation) => projectionsTable({ generation }),
  });
  await storage.prepare(1);
  const row = { Projection: "default", Version: 1, Data: "{}", Metadata: "{}" };
  await client.insert({
    table: `${database}.projections`,
    values: [
      { ...row, TenantId: "", AggregateId: "a" },
      { ...row, TenantId: "acme", AggregateId: "" },
      { ...row, TenantId: "acme", AggregateId: "b" },
    ],
    format: "JSONEachRow",
  });
  for (const sample of ["all", { size: 10, seed: 1 }] as const) {
    const refs: unknown[] = [];
    for await (const ref of storage.sample([1, 1], sample)) refs.push(ref);
    expect(refs).toEqual([{ tenantId: "acme", aggregateId: "b" }]);
  }
  await drop();
});

it("samples all and ends beside a page of rows whose ids are no text", async () => {
  const { client, database, drop } = await newTestDatabase([]);
  const storage = new GenerationStorageClickHouse<unknown>(client, {
    database,
    tableOf: (generation) => projectionsTable({ generation }),
  });
  await storage.prepare(1);
  await client.command({
    query:
      `INSERT INTO ${database}.projections (TenantId, Projection, AggregateId, Version) ` +
      "SELECT 'acme', 'default', unhex('FF') || toString(number), 1 FROM numbers(1000)",
  });
  await client.command({
    query:
      `INSERT INTO ${database}.projections (TenantId, Projection, AggregateId, Version) ` +
      "VALUES ('acme', 'default', 'a', 1), ('zzz', 'default', 'b', 1)",
  });
  const ids: string[] = [];
  for await (const { aggregateId } of storage.sample([1, 1], "all")) {
    ids.push(aggregateId);
    if (ids.length > 5_000) break;
  }
  expect(ids).toEqual(["a", "b"]);
  await drop();
});
