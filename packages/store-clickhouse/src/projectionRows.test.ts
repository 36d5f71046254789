import { type EventSourcingError, makeProjectionVersion, parseTenantId } from "@es/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newTestDatabase, type TestDatabase } from "../test/testDatabase.js";
import type { ColumnDescription, MigrationSet } from "./migration.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";
import type { ProjectionTable, TypedColumn } from "./projectionTable.js";

/** One of each type that is written in binary. */
const typedColumns: readonly ColumnDescription[] = [
  { name: "Text", type: "String" },
  { name: "Kind", type: "LowCardinality(String)" },
  { name: "Count", type: "UInt64" },
  { name: "Difference", type: "Int64" },
  { name: "Large", type: "UInt256" },
  { name: "Flag", type: "Bool" },
  { name: "Cost", type: "Nullable(Decimal(38, 12))" },
  { name: "Small", type: "Decimal(19, 2)" },
  { name: "Maybe", type: "Nullable(UInt64)" },
  { name: "Names", type: "Array(LowCardinality(String))" },
  { name: "Counts", type: "Map(LowCardinality(String), UInt64)" },
];

interface Sample {
  readonly Text: string;
  readonly Kind: string;
  readonly Count: number | string;
  readonly Difference: string;
  readonly Large: string;
  readonly Flag: boolean;
  readonly Cost: string | null;
  readonly Small: string;
  readonly Maybe: string | null;
  readonly Names: readonly string[];
  readonly Counts: Readonly<Record<string, number>>;
}

const migrationsOf = (name: string): MigrationSet => ({
  component: name,
  migrations: [
    {
      version: 1,
      name: "create",
      steps: [
        {
          kind: "table",
          name,
          columns: [
            { name: "TenantId", type: "String" },
            { name: "Id", type: "String" },
            { name: "Version", type: "UInt256" },
            { name: "Kept", type: "String" },
            { name: "Metadata", type: "String" },
            { name: "Which", type: "String" },
            ...typedColumns,
          ],
          versionColumn: "Version",
          orderBy: ["TenantId", "Which", "Id"],
          shardBy: ["TenantId", "Id"],
        },
      ],
    },
  ],
});

const tableOf = (name: string, typed: readonly TypedColumn[]): ProjectionTable<Sample> => ({
  name,
  columns: {
    tenantId: "TenantId",
    aggregateId: "Id",
    version: "Version",
    projection: "Kept",
    metadata: "Metadata",
  },
  fixed: { Which: "it's 'one'" },
  typedColumns: typed,
  toTypedColumns: ({ projection }) => ({ ...projection }),
  migrations: migrationsOf(name),
});

const inBinary = tableOf("in_binary", typedColumns);
/** Without their types: the reference. */
const inJson = tableOf(
  "in_json",
  typedColumns.map(({ name }) => name),
);

const text = fc.string({ unit: "grapheme", maxLength: 60 });
const integer = (min: bigint, max: bigint) =>
  fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max)).map(String);
const decimal = (whole: number, places: number) =>
  fc
    .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** BigInt(whole) - 1n }), fc.nat(10 ** places - 1))
    .map(([negative, units, rest]) => {
      const amount = `${units}.${String(rest).padStart(places, "0")}`;
      return negative && Number(amount) !== 0 ? `-${amount}` : amount;
    });
const sample: fc.Arbitrary<Sample> = fc.record({
  Text: text,
  Kind: text,
  Count: fc.oneof(fc.maxSafeNat(), integer(0n, 2n ** 64n - 1n)),
  Difference: integer(-(2n ** 63n), 2n ** 63n - 1n),
  Large: integer(0n, 2n ** 256n - 1n),
  Flag: fc.boolean(),
  Cost: fc.option(fc.oneof(decimal(26, 6), fc.constantFrom("0", "7", "0.000000000001"))),
  Small: decimal(17, 2),
  Maybe: fc.option(integer(0n, 2n ** 64n - 1n)),
  Names: fc.array(text, { maxLength: 200 }),
  Counts: fc.dictionary(text, fc.maxSafeNat(), { noNullPrototype: true }),
});

const context = { tenantId: parseTenantId("acme") };
const recordOf = (aggregateId: string, projection: Sample) => ({
  aggregateId,
  version: makeProjectionVersion({ eventCount: 1, acceptedSum: 5n, handlerVersion: 1, revision: 0 }),
  projection,
  metadata: { eventCount: 1, firstEventTimestamp: "1", lastEventTimestamp: "2" },
});

let db: TestDatabase;
beforeAll(async () => {
  db = await newTestDatabase([inBinary.migrations, inJson.migrations]);
});
afterAll(() => db.drop());

const storeOf = (table: ProjectionTable<Sample>) =>
  new ProjectionStoreClickHouse(db.client, { database: db.database, table });

async function rowsOf(table: ProjectionTable<Sample>): Promise<string> {
  const result = await db.client.query({
    query: `SELECT * FROM ${db.database}.${table.name} FINAL ORDER BY Id`,
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 1, output_format_json_quote_decimals: 1 },
  });
  return result.text();
}

describe("rows of projections", () => {
  it("are the same in binary as in JSON, whatever they hold", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sample, { minLength: 1, maxLength: 300 }), async (samples) => {
        for (const table of [inBinary, inJson]) {
          await db.client.command({ query: `TRUNCATE TABLE ${db.database}.${table.name}` });
          const records = samples.map((projection, n) => recordOf(String(n).padStart(3, "0"), projection));
          await storeOf(table).storeProjections(records, context);
        }
        const rows = await rowsOf(inBinary);
        expect(rows.trim().split("\n")).toHaveLength(samples.length);
        expect(rows).toBe(await rowsOf(inJson));
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  const good: Sample = {
    Text: "",
    Kind: "",
    Count: 0,
    Difference: "0",
    Large: "0",
    Flag: false,
    Cost: null,
    Small: "0",
    Maybe: null,
    Names: [],
    Counts: {},
  };

  it.each([
    ["Text", null],
    ["Count", -1],
    ["Count", 1.5],
    ["Count", "18446744073709551616"],
    ["Difference", "9223372036854775808"],
    ["Large", String(2n ** 256n)],
    ["Flag", "true"],
    ["Cost", 0.5],
    ["Cost", "1e3"],
    ["Cost", "0.0000000000001"],
    ["Cost", `${10n ** 26n}`],
    ["Maybe", undefined],
    ["Names", "one"],
    ["Names", [1]],
    ["Counts", { a: "many" }],
  ] as const)("are refused when %s is %j, and nothing of the call is written", async (column, value) => {
    await db.client.command({ query: `TRUNCATE TABLE ${db.database}.${inBinary.name}` });
    const store = storeOf(inBinary);
    const bad = { ...good, [column]: value } as unknown as Sample;
    const failure: unknown = await store
      .storeProjections([recordOf("first", good), recordOf("second", bad)], context)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "STORE_REJECTED", fields: { aggregateId: "second" } });
    expect((failure as EventSourcingError).message).toContain(`${column}: `);
    // What was written of it does not stand before what comes next.
    await store.storeProjection(recordOf("third", good), context);
    expect(
      (await rowsOf(inBinary))
        .trim()
        .split("\n")
        .map((row) => JSON.parse(row).Id),
    ).toEqual(["third"]);
  });
});
