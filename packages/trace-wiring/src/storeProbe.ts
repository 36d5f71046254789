import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import { EventSourcingError } from "@es/core";
import { sessionEventTable, sessionProjectionTable } from "@es/session-projection/clickhouse";
import {
  classifyClickHouseError,
  insertSettings,
  type MigrationSet,
  qualifiedName,
  readSettings,
  repeating,
} from "@es/store-clickhouse";
import { spanTable, traceProjectionTable } from "@es/trace-clickhouse";

/**
 * What a process does with the store: `ingest` stores spans, `project` reads spans and stores projections, `read` reads for
 * people.
 */
export type StoreNeed = "ingest" | "project" | "read";

const TABLE = "readiness_probes";
const TIMEOUT_MS = 3_000;

/** Makes the table that a probe writes to. It holds one row per kind of process. */
export const probeMigrations: MigrationSet = {
  component: "trace-wiring",
  migrations: [
    {
      version: 1,
      name: "create readiness_probes",
      steps: [
        {
          kind: "table",
          name: TABLE,
          columns: [
            { name: "Need", type: "LowCardinality(String)", comment: "The kind of process that wrote it" },
            { name: "At", type: "UInt64", comment: "When, in milliseconds since 1970" },
          ],
          versionColumn: "At",
          orderBy: ["Need"],
          shardBy: ["Need"],
        },
      ],
    },
  ],
};

export interface StoreProbeOptions {
  readonly database: string;
  readonly needs: readonly StoreNeed[];
  /** The generation whose tables are used. */
  readonly serving: () => Promise<number>;
  readonly readSettings: ClickHouseSettings;
  readonly insertSettings: ClickHouseSettings;
}

/**
 * Asks ClickHouse for what a process needs of it, not only whether it answers: selects no rows from the tables it reads,
 * inserts no rows into the tables it writes, and one row into a table of its own, which shows a full or read-only disk.
 *
 * Rejects with the reason: `STORE_UNAVAILABLE` also when there is no answer within 3 s.
 */
export function createStoreProbe(client: ClickHouseClient, options: StoreProbeOptions): () => Promise<void> {
  const { database, needs } = options;
  const safe = repeating(client);
  const settings = { ...insertSettings, ...options.insertSettings };
  const reads = { ...readSettings, ...options.readSettings };
  const probes = qualifiedName(database, TABLE);

  async function check(signal: AbortSignal): Promise<void> {
    const serving = await options.serving();
    const { read, written } = tablesOf(needs, serving);
    const name = (table: string) => qualifiedName(database, table);
    const selects = read.map((table) => `SELECT 1 FROM ${name(table)} WHERE 0`);
    await Promise.all([
      selects.length === 0
        ? undefined
        : reported("read", read.map(name).join(", "), () =>
            safe.command({
              query: selects.join(" UNION ALL "),
              // Those of all reads: a user may be refused for them.
              clickhouse_settings: reads,
              abort_signal: signal,
            }),
          ),
      ...written.map((table) =>
        reported("write", name(table), () =>
          safe.command({
            query: `INSERT INTO ${name(table)} FORMAT JSONEachRow`,
            clickhouse_settings: settings,
            abort_signal: signal,
          }),
        ),
      ),
      written.length === 0
        ? undefined
        : reported("write", probes, () =>
            safe.insert({
              table: probes,
              columns: ["Need", "At"],
              values: [{ Need: needs.join(" "), At: Date.now() }],
              format: "JSONEachRow",
              clickhouse_settings: settings,
              abort_signal: signal,
            }),
          ),
    ]);
  }

  return oneAtATime(check);
}

/** Asks whether ClickHouse answers at all, as long as there is no schema to ask for. Rejects as `createStoreProbe` does. */
export function createAnswerProbe(client: ClickHouseClient, database: string): () => Promise<void> {
  return oneAtATime((signal) =>
    reported("answer", qualifiedName(database, TABLE), () =>
      client.command({ query: "SELECT 1", abort_signal: signal }),
    ),
  );
}

/** Who asks while a check is under way shares it. */
function oneAtATime(check: (signal: AbortSignal) => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  return () => {
    underWay ??= withinTime(check).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

async function reported(name: string, table: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw classifyClickHouseError(error, {
      name: `check that it can ${name}`,
      table,
      component: "trace-wiring",
    });
  }
}

/** A request that is given up is cut, so that an engine that hangs does not gather them. */
async function withinTime(check: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    await check(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new EventSourcingError("STORE_UNAVAILABLE", `ClickHouse gave no answer within ${TIMEOUT_MS} ms`, {
      cause: error,
    });
  }
}

interface UsedTables {
  readonly read: readonly string[];
  readonly written: readonly string[];
}

function tablesOf(needs: readonly StoreNeed[], generation: number): UsedTables {
  const spans = spanTable().name;
  const traces = traceProjectionTable(generation).name;
  const sessions = sessionProjectionTable(generation).name;
  const sessionEvents = sessionEventTable().name;
  const used: Readonly<Record<StoreNeed, UsedTables>> = {
    ingest: { read: [], written: [spans] },
    project: { read: [spans, traces, sessionEvents, sessions], written: [traces, sessionEvents, sessions] },
    read: { read: [spans, traces, sessions], written: [] },
  };
  const all = needs.map((need) => used[need]);
  const distinct = (kind: keyof UsedTables) => [...new Set(all.flatMap((one) => one[kind]))];
  return { read: distinct("read"), written: distinct("written") };
}
