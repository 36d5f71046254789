import { type ClickHouseClient, createClient, TupleParam } from "@clickhouse/client";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningClickHouse, startClickHouse } from "../src/index.js";
import { temporaryDirectory } from "./support.js";

const directory = temporaryDirectory();
let server: RunningClickHouse;
let client: ClickHouseClient;

beforeAll(async () => {
  server = await startClickHouse({ dataDir: directory.path });
  client = createClient({
    url: server.url,
    clickhouse_settings: {
      output_format_json_quote_64bit_integers: 1,
      output_format_json_quote_denormals: 1,
      output_format_json_quote_decimals: 1,
    },
  });
});

afterAll(async () => {
  await client.close();
  await server.close();
  directory.remove();
});

const bits = (width: bigint, signed: boolean) =>
  fc
    .bigInt(signed ? -(1n << (width - 1n)) : 0n, (1n << (signed ? width - 1n : width)) - 1n)
    .map((value) => value.toString());
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).filter((value) => value.isWellFormed()),
  fc
    .array(
      fc.constantFrom(
        "\0",
        "'",
        '"',
        "`",
        "\\",
        "\n",
        "\r",
        "\t",
        "\b",
        "🙂",
        "é",
        "{",
        ";",
        "--",
        "%",
        "\\N",
      ),
    )
    .map((parts) => parts.join("")),
);
const decimal = fc
  .tuple(bits(60n, true), fc.integer({ min: 1, max: 9 }))
  .map(([whole, last]) => `${whole}.00000000${last}`);
const nanoseconds = fc
  .tuple(fc.integer({ min: 0, max: 4_000_000_000 }), fc.integer({ min: 0, max: 999_999_999 }))
  .map(([seconds, rest]) => ({ seconds, fraction: String(rest).padStart(9, "0") }));
const instant = nanoseconds.map(({ seconds, fraction }) => {
  const at = new Date(seconds * 1000).toISOString();
  return `${at.slice(0, 10)} ${at.slice(11, 19)}.${fraction}`;
});
const record = fc.record({
  int64: bits(64n, true),
  uint64: bits(64n, false),
  uint256: bits(256n, false),
  float: fc.double(),
  string: text,
  nullable: fc.option(text),
  list: fc.array(text, { maxLength: 4 }),
  map: fc.dictionary(text, bits(64n, false), { maxKeys: 4, noNullPrototype: true }),
  tuple: fc.tuple(text, bits(64n, true)),
  time: instant,
  decimal,
  bool: fc.boolean(),
  uuid: fc.uuid(),
  low: text,
});
type Row = typeof record extends fc.Arbitrary<infer T> ? T : never;

const columns: Readonly<Record<keyof Row, string>> = {
  int64: "Int64",
  uint64: "UInt64",
  uint256: "UInt256",
  float: "Float64",
  string: "String",
  nullable: "Nullable(String)",
  list: "Array(String)",
  map: "Map(String, UInt64)",
  tuple: "Tuple(String, Int64)",
  time: "DateTime64(9, 'UTC')",
  decimal: "Decimal(38, 9)",
  bool: "Bool",
  uuid: "UUID",
  low: "LowCardinality(String)",
};

/** JSON has no NaN and no infinity, so ClickHouse writes them as strings; and JavaScript writes -0 as 0. */
function floatText(value: number): number | string {
  if (Number.isNaN(value)) return "nan";
  if (Number.isFinite(value)) return value === 0 ? 0 : value;
  return value > 0 ? "inf" : "-inf";
}

/** As ClickHouse writes the row. */
const written = (row: Row) => ({ ...row, float: floatText(row.float) });

test("any row of any types inserted as JSONEachRow is read as it was", async () => {
  const definition = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
  await client.command({
    query: `CREATE TABLE anything (batch UInt32, position UInt32, ${definition.join(", ")}) ENGINE = MergeTree ORDER BY (batch, position)`,
  });
  let batch = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), async (rows) => {
      batch += 1;
      const values = rows.map((row, position) => ({ batch, position, ...written(row) }));
      await client.insert({ table: "anything", values, format: "JSONEachRow" });
      const result = await client.query({
        query:
          "SELECT * EXCEPT (batch, position) FROM anything WHERE batch = {batch:UInt32} ORDER BY position",
        query_params: { batch },
        format: "JSONEachRow",
      });
      expect(await result.json()).toEqual(rows.map(written));
    }),
    { numRuns: 60 },
  );
});

test.each([{ multipart: false }, { multipart: true }])(
  "any value of any type given as a query parameter arrives as it was, multipart $multipart",
  async ({ multipart }) => {
    const list = Object.entries(columns).map(([name, type]) => `{${name}:${type}} AS ${name}`);
    await fc.assert(
      fc.asyncProperty(record, async (row) => {
        const result = await client.query({
          query: `SELECT ${list.join(", ")}`,
          query_params: {
            ...row,
            map: new Map(Object.entries(row.map).map(([key, value]) => [key, BigInt(value)])),
            tuple: new TupleParam([row.tuple[0], BigInt(row.tuple[1])]),
          },
          format: "JSONEachRow",
          use_multipart_params: multipart,
        });
        expect(await result.json()).toEqual([written(row)]);
      }),
      { numRuns: 60 },
    );
  },
);
