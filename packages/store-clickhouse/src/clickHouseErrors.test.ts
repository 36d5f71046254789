import { ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { parseTenantId } from "@es/core";
import { type ContractEvent, contractEvent } from "@es/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newTestDatabase, type TestDatabase } from "../test/testDatabase.js";
import { classifyClickHouseError, mayBeFaultOfOne } from "./clickHouseErrors.js";
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

  it("names the reasons of an error that has none of its own", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED ::1:8123"), { code: "ECONNREFUSED" });
    const error = classifyClickHouseError(new AggregateError([refused], ""), operation);
    expect(error.code).toBe("STORE_UNAVAILABLE");
    expect(error.message).toContain("ECONNREFUSED ::1:8123");
  });

  it("looks for a culprit only where there may be one", () => {
    const of = (code: string) => mayBeFaultOfOne(classifyClickHouseError(engineError(code, "T"), operation));
    expect(["27", "241", "396", "117"].map(of)).toEqual([true, true, true, true]);
    expect(["516", "60", "252", "159", "62"].map(of)).toEqual([false, false, false, false, false]);
    expect(mayBeFaultOfOne(classifyClickHouseError(new Error("socket hang up"), operation))).toBe(false);
  });
});

describe("a store whose engine fails", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await newTestDatabase();
  });
  afterAll(() => db.drop());

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
