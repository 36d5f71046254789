import { buildProjectionMetadata, createEventStream, makeProjectionVersion, parseTenantId } from "@es/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventStoreClickHouse, ProjectionStoreClickHouse } from "../src/index.js";
import { type CallEvent, callMigrations, callTable, callTotalTable } from "./callTables.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

const context = { tenantId: parseTenantId("acme") };
const call = (aggregateId: string, fields: Partial<CallEvent> = {}): CallEvent => ({
  id: "span-1",
  aggregateId,
  type: "call",
  occurredAt: 1_700_000_000_123_456_789n,
  acceptedAt: 1_700_000_001_000_000_001n,
  durationNano: 2n ** 63n + 1n,
  attributes: { "http.route": "/a'b", empty: "", ключ: "😀" },
  data: { tags: ["a", "", "c'd"] },
  ...fields,
});
const total = (aggregateId: string, value: number) => ({
  aggregateId,
  version: makeProjectionVersion({ eventCount: 1, acceptedSum: 1n, handlerVersion: 1, revision: 0 }),
  projection: { total: value },
  metadata: buildProjectionMetadata(createEventStream(aggregateId, [])),
});

describe("stores over tables of another package", () => {
  let db: TestDatabase;
  let events: EventStoreClickHouse<CallEvent>;
  let projections: ProjectionStoreClickHouse<{ readonly total: number }>;
  beforeAll(async () => {
    db = await newTestDatabase([callMigrations]);
    events = new EventStoreClickHouse(db.client, { database: db.database, table: callTable });
    projections = new ProjectionStoreClickHouse(db.client, { database: db.database, table: callTotalTable });
  });
  afterAll(() => db.drop());

  it("keep maps, arrays, dotted names and expressions exactly", async () => {
    const event = call("exact");
    await events.storeEvents([event], context);
    expect(await events.getEvents("exact", context)).toEqual([event]);
    expect((await events.listAggregateIds(context)).items).toContain("exact");
  });

  it("keep typed columns beside the projection", async () => {
    await projections.storeProjection(total("typed", 12.5), context);
    expect(await projections.getProjection("typed", context)).toEqual({
      status: "found",
      record: total("typed", 12.5),
    });
    const result = await db.client.query({
      query: `SELECT toString(Total) AS total FROM ${db.database}.call_totals WHERE TraceId = 'typed'`,
      format: "JSONEachRow",
    });
    expect(await result.json()).toEqual([{ total: "12.5" }]);
  });

  it("fail the write whose data the engine refuses, and none of its neighbours", async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `write-${i}`);
    const outcomes = await Promise.allSettled(
      ids.map((id, i) =>
        events.storeEvents([call(id, i === 7 ? { attributes: { level: "extreme" } } : {})], context),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(
      ids.map((_, i) => (i === 7 ? "rejected" : "fulfilled")),
    );
    expect(outcomes[7]).toMatchObject({ reason: { code: "STORE_REJECTED", retryable: false } });
    const read = await events.getEventsOfMany(ids, context);
    expect(ids.map((id) => read.get(id)?.length)).toEqual(ids.map((_, i) => (i === 7 ? 0 : 1)));
  });

  it("fail the read whose data the engine cannot give, and none of its neighbours", async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `read-${i}`);
    await events.storeEvents(
      ids.map((id, i) => call(id, i === 3 ? { attributes: { check: "fails" } } : {})),
      context,
    );
    const outcomes = await Promise.allSettled(ids.map((id) => events.getEvents(id, context)));
    expect(outcomes.map(({ status }) => status)).toEqual(
      ids.map((_, i) => (i === 3 ? "rejected" : "fulfilled")),
    );
    expect(outcomes[3]).toMatchObject({ reason: { code: "STORE_REJECTED" } });
  });

  it("store the other projections of a call when the engine refuses one", async () => {
    const huge = 10 ** 20; // does not fit Decimal(18, 2)
    const records = ["p-0", "p-1", "p-2"].map((id, i) => total(id, i === 1 ? huge : i));
    await expect(projections.storeProjections(records, context)).rejects.toMatchObject({
      code: "STORE_REJECTED",
    });
    const read = await projections.getProjections(["p-0", "p-1", "p-2"], context);
    expect([...read.values()].map(({ status }) => status)).toEqual(["found", "absent", "found"]);
  });

  it("refuse a row with a column the table does not fill", async () => {
    const misspelt = new EventStoreClickHouse(db.client, {
      database: db.database,
      table: {
        ...callTable,
        toRow: (event, tenantId) => ({ ...callTable.toRow(event, tenantId), Durration: 1 }),
      },
    });
    await expect(misspelt.storeEvents([call("misspelt")], context)).rejects.toMatchObject({
      message: expect.stringContaining("Durration"),
    });
    expect(await events.getEvents("misspelt", context)).toEqual([]);
  });

  it("report what toRow throws as an invalid event, before anything is written", async () => {
    const picky = new EventStoreClickHouse(db.client, {
      database: db.database,
      table: {
        ...callTable,
        toRow: (event, tenantId) => {
          if (event.id === "odd") throw new Error("odd events are not kept");
          return callTable.toRow(event, tenantId);
        },
      },
    });
    await expect(
      picky.storeEvents([call("picky"), call("picky", { id: "odd" })], context),
    ).rejects.toMatchObject({
      code: "INVALID_EVENT",
      message: expect.stringContaining("odd events are not kept"),
    });
    expect(await events.getEvents("picky", context)).toEqual([]);
  });
});
