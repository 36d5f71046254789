import { randomUUID } from "node:crypto";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { migrate } from "@es/store-clickhouse";
import { traceClickHouseMigrations } from "../src/index.js";

export interface TestDatabase {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** Merges everything that can be merged. */
  optimize(table: string): Promise<void>;
  drop(): Promise<void>;
}

/** A migrated database of one's own, on the engine of the test run. */
export async function newTestDatabase(): Promise<TestDatabase> {
  const url = process.env.CLICKHOUSE_URL;
  if (url === undefined) {
    throw new Error("CLICKHOUSE_URL is not set: run the tests through the package's vitest.config.ts.");
  }
  // Tests that provoke refusals look at the error themselves.
  const client = createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
  const database = `test_${randomUUID().replaceAll("-", "")}`;
  await migrate(client, { database, migrations: [traceClickHouseMigrations] });
  return {
    client,
    database,
    async optimize(table) {
      await client.command({ query: `OPTIMIZE TABLE ${database}.${table} FINAL` });
    },
    async drop() {
      await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
      await client.close();
    },
  };
}
