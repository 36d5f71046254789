import type { EventSourcingError } from "@es/core";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newTestDatabase, type TestDatabase } from "../test/testDatabase.js";
import type { BinaryReader } from "./binaryReader.js";
import { readBinaryRows } from "./binaryRows.js";

let db: TestDatabase;
beforeAll(async () => {
  db = await newTestDatabase([]);
});
afterAll(() => db.drop());

async function resultOf(select: string): Promise<Buffer> {
  const { stream } = await db.client.exec({ query: `${select} FORMAT RowBinaryWithNamesAndTypes` });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Cut at these places. */
async function* pieces(bytes: Buffer, cuts: readonly number[]): AsyncIterable<Buffer> {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    if (to > from) yield bytes.subarray(from, to);
    from = to;
  }
}

const columns = [
  { name: "text", type: "String" },
  { name: "name", type: "String" },
  { name: "unsigned", type: "UInt64" },
  { name: "time", type: "DateTime64(9)" },
  { name: "list", type: "Array(String)" },
  { name: "map", type: "Map(String, String)" },
];
const select =
  "SELECT repeat('é€😀', number * number * 40) AS text, toLowCardinality(concat('name ', toString(number % 3))) AS name, " +
  "toUInt64(18446744073709551615 - number) AS unsigned, fromUnixTimestamp64Nano(toInt64(number) - 5, 'UTC') AS time, " +
  "arrayMap(i -> toString(i), range(number * 20)) AS list, " +
  "CAST((arrayMap(i -> concat('k', toString(i)), range(number)), arrayMap(i -> toString(i), range(number))), " +
  "'Map(LowCardinality(String), String)') AS map FROM numbers(12)";

function rowOf(reader: BinaryReader) {
  return {
    text: reader.string(),
    name: reader.internedString(),
    unsigned: reader.uint64(),
    time: reader.int64(),
    list: Array.from({ length: reader.length() }, () => reader.string()),
    map: new Map(Array.from({ length: reader.length() }, () => [reader.internedString(), reader.string()])),
  };
}

const expected = Array.from({ length: 12 }, (_, number) => ({
  text: "é€😀".repeat(number * number * 40),
  name: `name ${number % 3}`,
  unsigned: 18446744073709551615n - BigInt(number),
  time: BigInt(number) - 5n,
  list: Array.from({ length: number * 20 }, (_, i) => String(i)),
  map: new Map(Array.from({ length: number }, (_, i) => [`k${i}`, String(i)])),
}));

const utcColumns = columns.map(({ name, type }) => ({
  name,
  type: type === "DateTime64(9)" ? "DateTime64(9, 'UTC')" : type,
}));

it("reads every row once, wherever the result is cut", async () => {
  const bytes = await resultOf(select);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: bytes.length }), { maxLength: 200 }), async (cuts) => {
      const rows: unknown[] = [];
      await readBinaryRows(pieces(bytes, cuts), utcColumns, (reader) => rows.push(rowOf(reader)));
      expect(rows).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

it("takes no result that ends early for a shorter one", async () => {
  const bytes = await resultOf(select);
  let ends = 0;
  let rows = 0;
  for (let length = 0; length < bytes.length; length += 211) {
    rows = 0;
    const error = await readBinaryRows(pieces(bytes.subarray(0, length), [7, 900]), utcColumns, (reader) => {
      rowOf(reader);
      rows++;
    }).catch((cause: unknown) => cause);
    // Between two rows there is nothing to see it by.
    if (error === undefined) ends++;
    else expect(error).toBeInstanceOf(SyntaxError);
  }
  expect(rows).toBe(11);
  expect(ends).toBeLessThan(12);
});

it("refuses columns of other names, types or order, and takes LowCardinality for what it holds", async () => {
  const bytes = await resultOf("SELECT 'a' AS a, toLowCardinality('b') AS b");
  const read = (...given: readonly (readonly [string, string])[]) =>
    readBinaryRows(
      pieces(bytes, []),
      given.map(([name, type]) => ({ name, type })),
      (reader) => {
        reader.string();
        reader.string();
      },
    );
  await read(["a", "String"], ["b", "String"]);
  for (const wrong of [
    [
      ["b", "String"],
      ["a", "String"],
    ],
    [
      ["a", "String"],
      ["b", "UInt64"],
    ],
    [["a", "String"]],
  ] as const) {
    const error = await read(...wrong).catch((cause: unknown) => cause);
    expect((error as EventSourcingError).code).toBe("STORE_SCHEMA_MISMATCH");
  }
});
