import { ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { parseTenantId } from "@es/core";
import { type ContractEvent, contractEvent } from "@es/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newTestDatabase, type TestDatabase } from "../test/testDatabase.js";
import { classifyClickHouseError, engineErrors, mayBeFaultOfOne } from "./clickHouseErrors.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";

const operation = {
  name: "EventStoreClickHouse.getEvents",
  table: "`es`.`events`",
  component: "store-clickhouse",
};
const context = { tenantId: parseTenantId("acme") };
const engineError = (code: string, type: string) => new ClickHouseError({ message: "so it is", code, type });

describe("classifyClickHouseError", () => {
  it.each([
    ["252", "TOO_MANY_PARTS", "STORE_OVERLOADED"],
    ["241", "MEMORY_LIMIT_EXCEEDED", "STORE_OVERLOADED"],
    ["159", "TIMEOUT_EXCEEDED", "STORE_OVERLOADED"],
    ["202", "TOO_MANY_SIMULTANEOUS_QUERIES", "STORE_OVERLOADED"],
    ["242", "TABLE_IS_READ_ONLY", "STORE_UNAVAILABLE"],
    ["999", "KEEPER_EXCEPTION", "STORE_UNAVAILABLE"],
    ["60", "UNKNOWN_TABLE", "STORE_SCHEMA_MISMATCH"],
    ["16", "NO_SUCH_COLUMN_IN_TABLE", "STORE_SCHEMA_MISMATCH"],
    ["47", "UNKNOWN_IDENTIFIER", "STORE_SCHEMA_MISMATCH"],
    ["516", "AUTHENTICATION_FAILED", "STORE_REJECTED"],
    ["62", "SYNTAX_ERROR", "STORE_REJECTED"],
    ["12345", "SOMETHING_NEW", "STORE_REJECTED"],
  ])("takes %s %s as %s", (code, type, expected) => {
    const error = classifyClickHouseError(engineError(code, type), operation);
    expect(error.code).toBe(expected);
    expect(error.message).toContain("EventStoreClickHouse.getEvents on `es`.`events`");
    expect(error.message).toContain(type);
    expect(error.fields.clickhouseCode).toBe(Number(code));
  });

  it.each(["socket hang up", "Timeout error.", "connect ECONNREFUSED 127.0.0.1:1", "read ECONNRESET"])(
    "takes %j as unavailable",
    (message) => {
      expect(classifyClickHouseError(new Error(message), operation)).toMatchObject({
        code: "STORE_UNAVAILABLE",
        retryable: true,
      });
    },
  );

  it.each([
    ["", "STORE_UNAVAILABLE"],
    ["<html>\r\n<head><title>502 Bad Gateway</title></head></html>", "STORE_UNAVAILABLE"],
    ["<!DOCTYPE html><title>Maintenance</title>", "STORE_UNAVAILABLE"],
    ["<html><body><h1>504 Gateway Time-out</h1></body></html>", "STORE_UNAVAILABLE"],
    ["upstream connect error or disconnect/reset before headers", "STORE_UNAVAILABLE"],
    ["no healthy upstream", "STORE_UNAVAILABLE"],
    ["503 Service Temporarily Unavailable", "STORE_UNAVAILABLE"],
    ["Internal Server Error", "STORE_UNAVAILABLE"],
    ["429 Too Many Requests", "STORE_OVERLOADED"],
    ["<html><h1>429 Too Many Requests</h1></html>", "STORE_OVERLOADED"],
    ["<html><head><title>403 Forbidden</title></head></html>", "STORE_REJECTED"],
    ["Cannot decode Native as JSON", "STORE_REJECTED"],
  ])("takes an answer of %j, which is not ClickHouse's, as %s", (text, code) => {
    expect(classifyClickHouseError(new Error(text), operation).code).toBe(code);
  });

  it("takes a result that ends in the middle as unavailable, and a bug as rejected", () => {
    const cut = new SyntaxError("Unexpected end of JSON input");
    expect(classifyClickHouseError(cut, operation).code).toBe("STORE_UNAVAILABLE");
    expect(classifyClickHouseError(new TypeError("x is undefined"), operation).code).toBe("STORE_REJECTED");
  });

  it.each([
    ["1001", "std::filesystem_error: in create_directories: Read-only file system", "STORE_UNAVAILABLE"],
    ["1001", "std::out_of_range: vector", "STORE_REJECTED"],
    ["1000", "Poco::Exception: No space left on device, errno: 28", "STORE_UNAVAILABLE"],
  ])("takes %s %j, passed on from below, as %s", (number, message, code) => {
    const error = new ClickHouseError({ message, code: number, type: "EXCEPTION" });
    expect(classifyClickHouseError(error, operation).code).toBe(code);
  });

  it("names the reasons of an error that has none of its own", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED ::1:8123"), { code: "ECONNREFUSED" });
    const error = classifyClickHouseError(new AggregateError([refused], ""), operation);
    expect(error.code).toBe("STORE_UNAVAILABLE");
    expect(error.message).toContain("ECONNREFUSED ::1:8123");
  });

  it("looks for a culprit only where there may be one", () => {
    const of = (code: string) => mayBeFaultOfOne(classifyClickHouseError(engineError(code, "T"), operation));
    expect(["27", "241", "396", "117", "159"].map(of)).toEqual([true, true, true, true, true]);
    expect(["516", "60", "252", "202", "62"].map(of)).toEqual([false, false, false, false, false]);
    const total = new ClickHouseError({
      message: "(total) memory limit exceeded: would use 3.00 GiB",
      code: "241",
      type: "MEMORY_LIMIT_EXCEEDED",
    });
    expect(mayBeFaultOfOne(classifyClickHouseError(total, operation))).toBe(false);
    expect(mayBeFaultOfOne(classifyClickHouseError(new Error("socket hang up"), operation))).toBe(false);
  });
});

describe("a store whose engine fails", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await newTestDatabase();
  });
  afterAll(() => db.drop());

  it("goes by numbers that the engine gives the names we know them by", async () => {
    for (const names of Object.values(engineErrors)) {
      const result = await db.client.query({
        query: "SELECT arrayMap(n -> errorCodeToName(n), {numbers: Array(UInt32)}) AS names",
        query_params: { numbers: Object.keys(names).map(Number) },
        format: "JSONEachRow",
      });
      const [row] = await result.json<{ readonly names: readonly string[] }>();
      expect(row?.names).toEqual(Object.values(names));
    }
  });

  it("says that nothing answers, and that waiting may help", async () => {
    // Port 1 is never ClickHouse's.
    const client = createClient({ url: "http://127.0.0.1:1", log: { level: ClickHouseLogLevel.OFF } });
    const events = new EventStoreClickHouse<ContractEvent>(client);
    const projections = new ProjectionStoreClickHouse<unknown>(client);
    const unavailable = expect.objectContaining({ code: "STORE_UNAVAILABLE", retryable: true });
    await expect(events.getEvents("a", context)).rejects.toEqual(unavailable);
    await expect(events.storeEvents([contractEvent()], context)).rejects.toEqual(unavailable);
    await expect(events.listAggregateIds(context)).rejects.toEqual(unavailable);
    await expect(projections.getProjection("a", context)).rejects.toEqual(unavailable);
    await client.close();
  });

  it("says to run the migrations where the table is missing", async () => {
    const { client } = db;
    const missing = new EventStoreClickHouse<ContractEvent>(client, { database: "no_such_database" });
    const mismatch = expect.objectContaining({
      code: "STORE_SCHEMA_MISMATCH",
      message: expect.stringContaining('run the migrations of "store-clickhouse"'),
    });
    await expect(missing.getEvents("a", context)).rejects.toEqual(mismatch);
    await expect(missing.storeEvents([contractEvent()], context)).rejects.toEqual(mismatch);
    await expect(missing.listChangedAggregates(context, { since: 0n })).rejects.toEqual(mismatch);
  });

  it("says to run the migrations where a column is missing", async () => {
    await db.client.command({ query: `ALTER TABLE ${db.database}.projections DROP COLUMN Metadata` });
    const store = new ProjectionStoreClickHouse<unknown>(db.client, { database: db.database });
    await expect(store.getProjection("a", context)).rejects.toMatchObject({ code: "STORE_SCHEMA_MISMATCH" });
  });
});
