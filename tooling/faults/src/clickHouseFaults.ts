import { makeReadOnly, makeWritable } from "@es/tooling-chaos/system";
import type { ProxyState } from "./clickHouseProxy.js";
import type { Expected, Fault } from "./fault.js";
import { type AppName, DATABASE, type FaultSystem } from "./system.js";

const named = (text: RegExp): Expected => ({ status: 503, text });
const all = (text: RegExp): Readonly<Record<AppName, Expected>> => ({
  ingest: named(text),
  worker: named(text),
  console: named(text),
});
const writers = (text: RegExp) => ({ ingest: named(text), worker: named(text) });

/** A state that the proxy makes or lets the engine be in. */
function behindProxy(
  name: string,
  description: string,
  state: ProxyState,
  rest: Pick<Fault, "expected" | "ingest"> & Partial<Pick<Fault, "works" | "endsWithinMs">>,
): Fault {
  return {
    name,
    engine: "ClickHouse",
    description,
    ...rest,
    async begin({ proxy }) {
      proxy.state = state;
    },
    async end({ proxy }) {
      proxy.state = {};
    },
  };
}

const readProfile = {
  output_format_json_quote_64bit_integers: "1",
  output_format_json_quote_denormals: "1",
  session_timezone: "UTC",
};

const withDisk = (system: FaultSystem): string | null =>
  "impossible" in system.disk ? system.disk.impossible : null;

export const clickHouseFaults: readonly Fault[] = [
  behindProxy(
    "wrong password",
    "the password of the user was changed",
    { password: "another" },
    { expected: all(/Authentication failed/), ingest: 503 },
  ),
  behindProxy(
    "readonly=1",
    "the user may only read, and its profile has the settings that reads need",
    { readOnlyProfile: readProfile },
    { expected: writers(/READONLY/), ingest: 503 },
  ),
  behindProxy(
    "no right to insert",
    "the user lost INSERT on all tables",
    { denied: { statement: /^\s*INSERT/, grant: `INSERT ON ${DATABASE}.*` } },
    { expected: writers(/Not enough privileges.*INSERT ON/), ingest: 503 },
  ),
  behindProxy(
    "no right to select",
    "the user lost SELECT on spans and projections",
    {
      denied: {
        statement: /^\s*(WITH|SELECT)[\s\S]*(`spans`|_projections`)/,
        grant: `SELECT ON ${DATABASE}.*`,
      },
    },
    {
      expected: {
        worker: named(/Not enough privileges.*SELECT ON/),
        console: named(/Not enough privileges.*SELECT ON/),
      },
      ingest: 200,
    },
  ),
  {
    name: "missing database",
    engine: "ClickHouse",
    description: "the database is gone, and comes back as it was",
    expected: all(/UNKNOWN_DATABASE/),
    ingest: 503,
    startsAfter: true,
    begin: ({ sql }) => sql(`RENAME DATABASE ${DATABASE} TO ${DATABASE}_away`),
    end: ({ sql }) => sql(`RENAME DATABASE ${DATABASE}_away TO ${DATABASE}`),
  },
  {
    name: "full disk",
    engine: "ClickHouse",
    description: "nothing more fits on the disk",
    expected: writers(/NOT_ENOUGH_SPACE|No space left|CANNOT_WRITE/i),
    ingest: 503,
    impossible: withDisk,
    begin: ({ fillDisk }) => fillDisk(),
    end: ({ freeDisk }) => freeDisk(),
    endsWithinMs: 40_000,
  },
  {
    name: "read-only disk",
    engine: "ClickHouse",
    description: "the disk went read-only, as after an error of the file system",
    expected: writers(/Read-only file system|READ_?ONLY/i),
    ingest: 503,
    impossible: withDisk,
    async begin({ clickhouse, disk }) {
      if ("store" in disk) await makeReadOnly(clickhouse.pid, disk.store);
    },
    async end({ clickhouse, disk }) {
      if ("store" in disk) await makeWritable(clickhouse.pid, disk.store);
    },
  },
  behindProxy(
    "idle connections cut",
    "what comes on a connection that was idle for 20 ms is answered by a reset",
    { idleMs: 20 },
    { expected: {}, ingest: 200, works: true },
  ),
  behindProxy(
    "slow",
    "every answer takes 4 s longer",
    { delayMs: 4_000 },
    { expected: all(/no answer within 3000 ms/), ingest: 200, endsWithinMs: 30_000 },
  ),
  {
    name: "hangs",
    engine: "ClickHouse",
    description: "connections are taken and nothing is answered",
    expected: all(/no answer within 3000 ms/),
    ingest: 503,
    async begin({ clickhouse }) {
      clickhouse.freeze();
    },
    async end({ clickhouse }) {
      clickhouse.thaw();
    },
    endsWithinMs: 65_000,
  },
  {
    name: "gone",
    engine: "ClickHouse",
    description: "its process is gone",
    expected: all(/cannot be reached/),
    ingest: 503,
    begin: ({ clickhouse }) => clickhouse.kill(),
    async end(system) {
      system.clickhouse.start();
      await system.clickhouseAnswers();
    },
  },
];
