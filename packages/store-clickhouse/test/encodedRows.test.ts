import { Readable } from "node:stream";
import { parseTenantId } from "@es/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventStoreClickHouse, LowCardinalityColumn, MapColumn, NativeBytes } from "../src/index.js";
import { type CallEvent, callMigrations, callTable } from "./callTables.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

let db: TestDatabase;
beforeAll(async () => {
  db = await newTestDatabase([callMigrations]);
});
afterAll(() => db.drop());

interface TestRow {
  readonly name: string;
  readonly entries: readonly (readonly [string, string])[];
}

/** A block of the columns `id`, `name` and `entries`. */
function blockOf(rows: readonly TestRow[]): Buffer {
  const ids = new NativeBytes(8);
  const names = new LowCardinalityColumn();
  const entries = new MapColumn();
  for (const [id, row] of rows.entries()) {
    ids.bigint(BigInt(id));
    names.push(names.keyOf(row.name));
    for (const [key, value] of row.entries) entries.add(key, value);
    entries.endMap();
  }
  const out = new NativeBytes(8);
  out.varint(3);
  out.varint(rows.length);
  out.text("id");
  out.text("UInt64");
  out.raw(ids.bytes, 0, ids.length);
  out.text("name");
  out.text("LowCardinality(String)");
  LowCardinalityColumn.writePrefix(out);
  names.write(out);
  out.text("entries");
  out.text("Map(LowCardinality(String), String)");
  LowCardinalityColumn.writePrefix(out);
  entries.write(out);
  return out.bytes.subarray(0, out.length);
}

async function roundTrip(rows: readonly TestRow[]): Promise<readonly unknown[]> {
  const table = `${db.database}.native_columns`;
  await db.client.command({ query: `DROP TABLE IF EXISTS ${table}` });
  await db.client.command({
    query:
      `CREATE TABLE ${table} (id UInt64, name LowCardinality(String), entries Map(LowCardinality(String), String)) ` +
      "ENGINE = MergeTree ORDER BY id",
  });
  const { stream } = await db.client.exec({
    query: `INSERT INTO ${table} FORMAT Native`,
    values: Readable.from([blockOf(rows)], { objectMode: false }),
  });
  for await (const _ of stream);
  const result = await db.client.query({
    query: `SELECT name, mapKeys(entries) AS keys, mapValues(entries) AS values FROM ${table} ORDER BY id`,
    format: "JSONEachRow",
  });
  return result.json();
}

const read = (rows: readonly TestRow[]) =>
  rows.map(({ name, entries }) => ({
    name,
    keys: entries.map(([key]) => key),
    values: entries.map(([, value]) => value),
  }));

describe("columns in the Native format", () => {
  it("are read by ClickHouse as they were written", async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.constantFrom("", "x".repeat(47), "x".repeat(48), "ü".repeat(100), "\0"),
    );
    const row = fc.record({ name: text, entries: fc.array(fc.tuple(text, text), { maxLength: 4 }) });
    for (const rows of fc.sample(fc.array(row, { minLength: 1, maxLength: 60 }), { numRuns: 12, seed: 1 })) {
      expect(await roundTrip(rows)).toEqual(read(rows));
    }
  });

  it.each([255, 256, 70_000])("hold %i different keys", async (count) => {
    const rows = Array.from({ length: count }, (_, i) => ({
      name: `name ${i}`,
      entries: [[`key ${i % 300}`, String(i)]] as const,
    }));
    const found = await roundTrip(rows);
    expect(found.length).toBe(count);
    expect([found[0], found.at(-1)]).toEqual([read(rows)[0], read(rows).at(-1)]);
    expect(new Set(found.map((row) => (row as { name: string }).name)).size).toBe(count);
  });

  it("know nothing of what was before they were cleared", async () => {
    const column = new LowCardinalityColumn();
    for (let i = 0; i < 1_000; i++) column.push(column.keyOf(`secret ${i}`));
    column.clear();
    column.push(column.keyOf("other"));
    const out = new NativeBytes();
    column.write(out);
    expect(out.bytes.subarray(0, out.length).toString("latin1")).not.toContain("secret");
    expect(column.keyCount).toBe(2);
  });

  it("take bytes as text only if they are UTF-8", () => {
    const bytes = new NativeBytes();
    const column = new LowCardinalityColumn();
    for (const length of [1, 60]) {
      const wrong = Buffer.alloc(length, 0xff);
      expect(bytes.utf8(wrong, 0, length)).toBe(false);
      expect(bytes.length).toBe(0);
      expect(column.key(wrong, 0, length)).toBe(-1);
    }
    expect(column.keyCount).toBe(1);
  });
});

describe("rows that are encoded already", () => {
  it("are stored with the rows of events, and refused without harm to them", async () => {
    const context = { tenantId: parseTenantId("acme") };
    const store = new EventStoreClickHouse<CallEvent>(db.client, { database: db.database, table: callTable });
    const event: CallEvent = {
      id: "span-1",
      aggregateId: "trace-1",
      type: "call",
      occurredAt: 1_700_000_000_000_000_001n,
      acceptedAt: 1_700_000_000_000_000_002n,
      durationNano: 3n,
      attributes: {},
      data: { tags: [] },
    };
    const whole = blockOf([{ name: "cut", entries: [["a", "b"]] }]);
    const wrong = {
      format: "Native",
      bytes: whole.subarray(0, -3),
      byteLength: whole.length,
      rows: 1,
    } as const;
    const outcomes = await Promise.allSettled([
      store.storeEvents([event], context),
      store.storeEncodedRows([wrong], context),
      store.storeEncodedRows([], context),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: { code: expect.stringMatching(/^STORE_/) } });
    expect(await store.getEvents("trace-1", context)).toEqual([event]);
  });
});
