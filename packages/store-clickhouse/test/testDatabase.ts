import { randomUUID } from "node:crypto";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { type MigrationSet, migrate, storeClickHouseMigrations } from "../src/index.js";

export interface TestDatabase {
  readonly client: ClickHouseClient;
  readonly database: string;
  /** Merges everything that can be merged. */
  optimize(table: string): Promise<void>;
  drop(): Promise<void>;
}

export function newClient(): ClickHouseClient {
  const url = process.env.CLICKHOUSE_URL;
  if (url === undefined)
    throw new Error("CLICKHOUSE_URL is not set: run the tests through the package's vitest.config.ts.");
  // Errors are what many tests are about; logged, they would only be noise.
  return createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
}

export function newDatabaseName(): string {
  return `test_${randomUUID().replaceAll("-", "")}`;
}

/** A database of one's own, migrated, on the engine of the test run. */
export async function newTestDatabase(
  migrations: readonly MigrationSet[] = [storeClickHouseMigrations],
): Promise<TestDatabase> {
  const client = newClient();
  const database = newDatabaseName();
  await migrate(client, { database, migrations });
  return {
    client,
    database,
    optimize: async (table) => {
      await client.command({ query: `OPTIMIZE TABLE ${database}.${table} FINAL` });
    },
    drop: async () => {
      await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
      await client.close();
    },
  };
}
