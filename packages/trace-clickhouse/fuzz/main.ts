import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { migrate } from "@es/store-clickhouse";
import { traceClickHouseMigrations } from "../src/index.js";
import { fuzzRows } from "./fuzzRows.js";

const usage = `fuzz rows [--seed <n>] [--rows <n>]

Changes stored rows of spans and projections behind the stores' backs, on the ClickHouse at CLICKHOUSE_URL in a database of
their own, and reads them through everything that reads.`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    rows: { type: "string", default: "2000" },
    help: { type: "boolean" },
  },
});
if (values.help === true) {
  console.log(usage);
  process.exit(0);
}
const [seed, rows] = [Number(values.seed), Number(values.rows)];
if (![seed, rows].every(Number.isSafeInteger)) throw new RangeError(usage);

const client = createClient({
  url: process.env.CLICKHOUSE_URL ?? "http://127.0.0.1:8123",
  log: { level: ClickHouseLogLevel.OFF },
});
const database = `fuzz_${randomUUID().replaceAll("-", "")}`;
await migrate(client, { database, migrations: [traceClickHouseMigrations] });
const started = performance.now();
const report = await fuzzRows({ client, database, seed, rows }).finally(async () => {
  await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
});
await client.close();
console.log(
  `seed ${seed}: ${report.written} changed rows in ${((performance.now() - started) / 1_000).toFixed(0)} s ` +
    `(${report.refused} the engine did not take); ${report.undecodable} reads said so, ${report.valid} gave a value`,
);
for (const fault of report.faults) console.log(`FAULT ${fault}`);
process.exit(report.faults.length === 0 ? 0 : 1);
