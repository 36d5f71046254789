import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newClient, newDatabaseName } from "../test/testDatabase.js";
import { migrate } from "./migrate.js";
import type { MigrationSet } from "./migration.js";
import { storeClickHouseMigrations } from "./storeClickHouseMigrations.js";

const ledger: MigrationSet = {
  component: "ledger",
  migrations: [
    {
      version: 1,
      name: "create ledger",
      steps: [
        {
          kind: "table",
          name: "ledger",
          columns: [
            { name: "TenantId", type: "String" },
            { name: "Entry.Id", type: "String" },
            {
              name: "At",
              type: "UInt64",
              defaultClause: "DEFAULT 7",
              codec: "Delta, ZSTD(1)",
              comment: "it's\\ns",
            },
          ],
          versionColumn: "At",
          orderBy: ["TenantId", "Entry.Id"],
          primaryKey: ["TenantId"],
          shardBy: ["TenantId"],
          ttl: "toDateTime(intDiv(At, 1000000000)) + INTERVAL 100 YEAR",
          settings: { index_granularity: 1024 },
        },
      ],
    },
    {
      version: 2,
      name: "add amount and view",
      steps: [
        {
          kind: "addition",
          table: "ledger",
          columns: [{ name: "Amount", type: "Decimal(18, 2)" }],
          indexes: [{ name: "by_amount", expression: "Amount", type: "minmax", granularity: 4 }],
        },
        {
          kind: "view",
          name: "ledger_amounts",
          select: (table) => `SELECT TenantId, Amount FROM ${table("ledger")} FINAL`,
        },
      ],
    },
  ],
};
const all = [storeClickHouseMigrations, ledger];
const total = 3;

describe("migrate", () => {
  let client: ClickHouseClient;
  const databases: string[] = [];
  const newDatabase = () => {
    databases.push(newDatabaseName());
    return databases.at(-1) as string;
  };
  const rowsOf = async <T>(query: string): Promise<T[]> => {
    const result = await client.query({ query, format: "JSONEachRow" });
    return result.json<T>();
  };
  beforeAll(() => {
    client = newClient();
  });
  afterAll(async () => {
    for (const database of databases) await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
    await client.close();
  });

  it("creates the database and everything in it, once", async () => {
    const database = newDatabase();
    const first = await migrate(client, { database, migrations: all });
    expect(first).toEqual({
      applied: [
        { component: "store-clickhouse", version: 1, name: "create events and projections" },
        { component: "ledger", version: 1, name: "create ledger" },
        { component: "ledger", version: 2, name: "add amount and view" },
      ],
      ahead: [],
    });
    const tables = await rowsOf<{ name: string; engine: string }>(
      `SELECT name, engine FROM system.tables WHERE database = '${database}' ORDER BY name`,
    );
    expect(tables).toEqual([
      { name: "events", engine: "ReplacingMergeTree" },
      { name: "ledger", engine: "ReplacingMergeTree" },
      { name: "ledger_amounts", engine: "View" },
      { name: "projections", engine: "ReplacingMergeTree" },
      { name: "schema_migrations", engine: "ReplacingMergeTree" },
    ]);
    expect(await migrate(client, { database, migrations: all })).toEqual({ applied: [], ahead: [] });
  });

  it("may run in any number of processes at once", async () => {
    const database = newDatabase();
    const clients = Array.from({ length: 6 }, newClient);
    try {
      const results = await Promise.all(
        clients.map((other) => migrate(other, { database, migrations: all })),
      );
      expect(results.some(({ applied }) => applied.length > 0)).toBe(true);
      expect(await migrate(client, { database, migrations: all })).toEqual({ applied: [], ahead: [] });
      const [columns] = await rowsOf<{ n: string }>(
        `SELECT toString(count()) AS n FROM system.columns WHERE database = '${database}' AND table = 'ledger'`,
      );
      expect(columns?.n).toBe("4");
    } finally {
      await Promise.all(clients.map((other) => other.close()));
    }
  });

  it("finishes what a process that died half-way left behind", async () => {
    const database = newDatabase();
    await migrate(client, { database, migrations: all });
    // As if it had died before it recorded anything.
    await client.command({ query: `TRUNCATE TABLE ${database}.schema_migrations` });
    await client.command({ query: `DROP TABLE ${database}.ledger_amounts` });
    const again = await migrate(client, { database, migrations: all });
    expect(again.applied).toHaveLength(total);
    expect(await rowsOf(`SELECT * FROM ${database}.ledger_amounts`)).toEqual([]);
  });

  it("keeps data when later migrations are applied", async () => {
    const database = newDatabase();
    const older = { ...ledger, migrations: ledger.migrations.slice(0, 1) };
    await migrate(client, { database, migrations: [older] });
    await client.insert({
      table: `${database}.ledger`,
      values: [{ TenantId: "t", "Entry.Id": "e" }],
      format: "JSONEachRow",
    });
    await migrate(client, { database, migrations: [ledger] });
    expect(await rowsOf(`SELECT * FROM ${database}.ledger`)).toEqual([
      expect.objectContaining({ TenantId: "t", "Entry.Id": "e", Amount: 0 }),
    ]);
  });

  it("lets an older version run on a newer schema, and says so", async () => {
    const database = newDatabase();
    await migrate(client, { database, migrations: [ledger] });
    const older = { ...ledger, migrations: ledger.migrations.slice(0, 1) };
    expect(await migrate(client, { database, migrations: [older] })).toEqual({
      applied: [],
      ahead: [{ component: "ledger", version: 2, name: "add amount and view" }],
    });
  });

  it("refuses a database where another migration has this number", async () => {
    const database = newDatabase();
    await migrate(client, { database, migrations: [ledger] });
    const changed = {
      ...ledger,
      migrations: ledger.migrations.map((migration) => ({ ...migration, name: `new ${migration.name}` })),
    };
    await expect(migrate(client, { database, migrations: [changed] })).rejects.toMatchObject({
      code: "STORE_SCHEMA_MISMATCH",
      message: expect.stringContaining('"create ledger" was applied under this number'),
    });
  });

  it("refuses migrations that are not numbered in order, before anything is done", async () => {
    const database = newDatabase();
    const gap = { component: "gap", migrations: [{ version: 2, name: "second", steps: [] }] };
    await expect(migrate(client, { database, migrations: [gap] })).rejects.toMatchObject({
      code: "INVALID_OPTIONS",
    });
    expect(await rowsOf(`SELECT name FROM system.databases WHERE name = '${database}'`)).toEqual([]);
  });

  it("refuses names that would need escaping", async () => {
    await expect(migrate(client, { database: "a`; DROP", migrations: all })).rejects.toMatchObject({
      code: "INVALID_OPTIONS",
    });
  });

  it("needs no right but to read where everything is applied", async () => {
    const url = process.env.CLICKHOUSE_URL ?? "";
    const reader = createClient({
      url,
      clickhouse_settings: { readonly: "1" },
      log: { level: ClickHouseLogLevel.OFF },
    });
    try {
      const database = newDatabase();
      await expect(migrate(reader, { database, migrations: all })).rejects.toMatchObject({
        code: "STORE_REJECTED",
        message: expect.stringContaining("READONLY"),
      });
      await migrate(client, { database, migrations: all });
      expect(await migrate(reader, { database, migrations: all })).toEqual({ applied: [], ahead: [] });
    } finally {
      await reader.close();
    }
  });
});
