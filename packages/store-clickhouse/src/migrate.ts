import { setTimeout as sleep } from "node:timers/promises";
import { type ClickHouseClient, ClickHouseError, type ClickHouseSettings } from "@clickhouse/client";
import { EventSourcingError, isEventSourcingError } from "@es/core";
import { classifyClickHouseError, type Operation } from "./clickHouseErrors.js";
import { qualifiedName, quoteIdentifier } from "./identifier.js";
import { repeating } from "./lostConnection.js";
import type { Migration, MigrationSet } from "./migration.js";
import { type MigrationTarget, migrationStatements, onCluster } from "./migrationStatements.js";
import { insertSettings, readSettings } from "./requestSettings.js";

export interface MigrateOptions extends MigrationTarget {
  /** The schemas of all packages that keep tables in this database. */
  readonly migrations: readonly MigrationSet[];
}

export interface AppliedMigration {
  readonly component: string;
  readonly version: number;
  readonly name: string;
}

export interface MigrateResult {
  /** What this call applied; empty when the schema was up to date. */
  readonly applied: readonly AppliedMigration[];
  /**
   * What a newer version of a package has applied and this one does not know. Migrations only ever add, so this version
   * works on: it lets old and new processes run side by side while a new version is rolled out, or back.
   */
  readonly ahead: readonly AppliedMigration[];
}

const RECORD = "schema_migrations";

/** Two processes that migrate at once may trip over each other; the second try finds the work done. */
const contended: ReadonlySet<string> = new Set([
  "57", // TABLE_ALREADY_EXISTS
  "82", // DATABASE_ALREADY_EXISTS
  "253", // REPLICA_ALREADY_EXISTS
  "473", // DEADLOCK_AVOIDED
  "517", // CANNOT_ASSIGN_ALTER
]);
const ATTEMPTS = 5;

/**
 * Creates the database if it was named, and brings its tables to the state these packages need. Run it as often as you
 * like, from several processes at once. The client must not be bound to a database that does not exist yet: make it
 * without one, and name the database here and to the stores.
 *
 * Rejects with `EventSourcingError`: `STORE_SCHEMA_MISMATCH` when the database records another migration under the same
 * number, `STORE_UNAVAILABLE`, `STORE_OVERLOADED`, `STORE_REJECTED`, `INVALID_OPTIONS`.
 */
export async function migrate(client: ClickHouseClient, options: MigrateOptions): Promise<MigrateResult> {
  for (const set of options.migrations) assertSet(set);
  const run = new MigrationRun(client, options);
  const recorded = await run.recordedOrNone();
  const applied: AppliedMigration[] = [];
  const ahead: AppliedMigration[] = [];
  for (const { component, migrations } of options.migrations) {
    const known = recorded.filter((record) => record.component === component);
    const byVersion = new Map(known.map((record) => [record.version, record]));
    for (const migration of migrations) {
      const record = byVersion.get(migration.version);
      if (record === undefined) {
        await run.apply(component, migration);
        applied.push({ component, version: migration.version, name: migration.name });
      } else if (record.name !== migration.name) {
        throw new EventSourcingError(
          "STORE_SCHEMA_MISMATCH",
          `Migration ${migration.version} of "${component}" is "${migration.name}" here, but ${run.recordTable} says ` +
            `that "${record.name}" was applied under this number. This is another package's database, or a migration was ` +
            "changed after its release: use a database of its own, or restore the migration.",
          { fields: { component, version: migration.version } },
        );
      }
    }
    ahead.push(...known.filter(({ version }) => version > migrations.length));
  }
  return { applied, ahead };
}

class MigrationRun {
  readonly recordTable: string;
  readonly #client: ClickHouseClient;
  readonly #target: MigrationTarget;

  constructor(client: ClickHouseClient, target: MigrationTarget) {
    this.#client = repeating(client);
    this.#target = target;
    this.recordTable = qualifiedName(target.database, RECORD);
  }

  async prepare(): Promise<void> {
    const { database, cluster } = this.#target;
    const on = onCluster(this.#target);
    if (database !== undefined) {
      await this.#execute(`CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(database)}${on}`, {
        name: "create the database",
        table: database,
        component: RECORD,
      });
    }
    const engine =
      cluster === undefined
        ? "ReplacingMergeTree"
        : // One path for all shards: every server has the whole record.
          "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}')";
    await this.#execute(
      `CREATE TABLE IF NOT EXISTS ${this.recordTable}${on} (\n  Component String,\n  Version UInt32,\n` +
        `  Name String,\n  AppliedAt DateTime64(3, 'UTC') DEFAULT now64(3)\n)\nENGINE = ${engine}\n` +
        "ORDER BY (Component, Version)",
      { name: "create the record of migrations", table: this.recordTable, component: RECORD },
    );
  }

  /**
   * Reads the record, and makes it where there is none. A schema that is up to date needs no more than that, so a user who
   * may read it, and make nothing, can start a service.
   */
  async recordedOrNone(): Promise<readonly AppliedMigration[]> {
    try {
      return await this.recorded();
    } catch (error) {
      if (!isEventSourcingError(error, "STORE_SCHEMA_MISMATCH")) throw error;
    }
    await this.prepare();
    return this.recorded();
  }

  async recorded(): Promise<readonly AppliedMigration[]> {
    const operation = { name: "read the record of migrations", table: this.recordTable, component: RECORD };
    return this.#classified(operation, async () => {
      const result = await this.#client.query({
        query:
          `SELECT Component AS component, Version AS version, any(Name) AS name FROM ${this.recordTable} ` +
          "GROUP BY Component, Version ORDER BY Component, Version",
        format: "JSONEachRow",
        clickhouse_settings: readSettings,
      });
      return result.json<AppliedMigration>();
    });
  }

  async apply(component: string, migration: Migration): Promise<void> {
    const operation = {
      name: `migration ${migration.version} (${migration.name})`,
      table: this.recordTable,
      component,
    };
    for (const step of migration.steps) {
      for (const statement of migrationStatements(step, this.#target))
        await this.#execute(statement, operation);
    }
    // Recorded last: a process that dies before this runs all steps again, which changes nothing.
    await this.#classified(operation, () =>
      this.#client.insert({
        table: this.recordTable,
        columns: ["Component", "Version", "Name"],
        values: [{ Component: component, Version: migration.version, Name: migration.name }],
        format: "JSONEachRow",
        clickhouse_settings: insertSettings,
      }),
    );
  }

  #execute(statement: string, operation: Operation): Promise<unknown> {
    const settings: ClickHouseSettings = {
      wait_end_of_query: 1,
      ...(this.#target.cluster === undefined ? {} : { distributed_ddl_output_mode: "throw" }),
    };
    return this.#classified(operation, () =>
      this.#client.command({ query: statement, clickhouse_settings: settings }),
    );
  }

  async #classified<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        const again = error instanceof ClickHouseError && contended.has(error.code) && attempt < ATTEMPTS;
        if (!again) throw classifyClickHouseError(error, operation);
        await sleep(100 * 2 ** attempt);
      }
    }
  }
}

function assertSet({ component, migrations }: MigrationSet): void {
  for (const [i, { version, name }] of migrations.entries()) {
    if (version !== i + 1) {
      throw new EventSourcingError(
        "INVALID_OPTIONS",
        `The migrations of "${component}" must be numbered 1, 2, 3, …; "${name}" is number ${i + 1} and says ${version}.`,
      );
    }
  }
}
