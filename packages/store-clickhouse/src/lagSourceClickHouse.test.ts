import { makeProjectionVersion, parseTenantId } from "@es/core";
import { type ContractEvent, contractEvent, lagSourceContract } from "@es/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newTestDatabase, type TestDatabase } from "../test/testDatabase.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";
import { LagSourceClickHouse, type LagSourceClickHouseOptions } from "./lagSourceClickHouse.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";
import { projectionsTable } from "./projectionsTable.js";

async function setUp(options: Partial<LagSourceClickHouseOptions> = {}) {
  const db = await newTestDatabase();
  const { client, database } = db;
  return {
    db,
    eventStore: new EventStoreClickHouse<ContractEvent>(client, { database }),
    projectionStore: new ProjectionStoreClickHouse<unknown>(client, { database }),
    source: new LagSourceClickHouse(client, { database, projectionTable: projectionsTable(), ...options }),
    tearDown: () => db.drop(),
  };
}

lagSourceContract<ContractEvent, unknown, Awaited<ReturnType<typeof setUp>>>({
  name: "LagSourceClickHouse",
  setUp,
  settle: async ({ db }) => {
    await db.optimize("events");
    await db.optimize("projections");
  },
});
lagSourceContract({
  name: "LagSourceClickHouse, few aggregates at a time",
  setUp: () => setUp({ aggregatesPerQuery: 40 }),
  numRuns: 2,
});

describe("LagSourceClickHouse", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await newTestDatabase();
  });
  afterAll(() => db.drop());
  const tenantId = parseTenantId("acme");
  const nowNano = () => BigInt(Date.now()) * 1_000_000n;

  it.each([undefined, {}, { database: "accounts" }])(
    "refuses %j, without the projections to compare with",
    (options) => {
      expect(
        () => new LagSourceClickHouse(db.client, options as unknown as LagSourceClickHouseOptions),
      ).toThrow(
        expect.objectContaining({
          code: "INVALID_OPTIONS",
          message: expect.stringContaining("projectionTable"),
        }),
      );
    },
  );

  it("compares with the projections it is told to", async () => {
    const { client, database } = db;
    const events = new EventStoreClickHouse<ContractEvent>(client, { database });
    const [summaries, totals] = ["summaries", "totals"].map((name) => projectionsTable<unknown>({ name }));
    const lagOf = async (projectionTable = projectionsTable()) => {
      const page = await new LagSourceClickHouse(client, { database, projectionTable }).listLagging();
      return page.items.map(({ aggregateId }) => aggregateId);
    };
    const event = contractEvent({ aggregateId: "a" });
    await events.storeEvents([event], { tenantId });
    const store = new ProjectionStoreClickHouse<unknown>(client, {
      database,
      ...(summaries === undefined ? {} : { table: summaries }),
    });
    await store.storeProjection(
      {
        aggregateId: "a",
        version: makeProjectionVersion({
          eventCount: 1,
          acceptedSum: event.acceptedAt,
          handlerVersion: 1,
          revision: 0,
        }),
        projection: 1,
        metadata: { eventCount: 1, firstEventTimestamp: "0", lastEventTimestamp: "0" },
      },
      { tenantId },
    );
    expect([await lagOf(summaries), await lagOf(totals), await lagOf()]).toEqual([[], ["a"], ["a"]]);
  });

  it("finds the rest beside rows of a tenant that cannot be", async () => {
    const { client, database } = db;
    const row = { AggregateId: "b", EventId: "1", Type: "t", OccurredAt: "1", AcceptedAt: String(nowNano()) };
    await client.insert({
      table: `${database}.events`,
      values: ["", "\u0000", "zzz"].map((TenantId) => ({ ...row, TenantId, Data: "", Metadata: "" })),
      format: "JSONEachRow",
    });
    for (const aggregatesPerQuery of [1, 20_000]) {
      const source = new LagSourceClickHouse(client, {
        database,
        projectionTable: projectionsTable(),
        aggregatesPerQuery,
      });
      const found: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof source.listLagging>> = await source.listLagging({
          acceptedWithinMs: 600_000,
          limit: 1,
          ...(cursor === null ? {} : { cursor }),
        });
        found.push(...page.items.map((item) => item.tenantId));
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(found).toEqual(["zzz"]);
    }
  });

  it("ends beside rows whose ids are no text, at any size of page", async () => {
    const own = await newTestDatabase();
    const { client, database } = own;
    const refs = ["'acme', 'a'", "'acme', unhex('FF')", "'acme', unhex('FFFF')", "unhex('FF'), 'a'"];
    await client.command({
      query:
        `INSERT INTO ${database}.events (TenantId, AggregateId, EventId, AcceptedAt) VALUES ` +
        refs.map((ref) => `(${ref}, '1', 1)`).join(", "),
    });
    for (const aggregatesPerQuery of [1, 20_000]) {
      const source = new LagSourceClickHouse(client, {
        database,
        projectionTable: projectionsTable(),
        aggregatesPerQuery,
      });
      const found: string[] = [];
      let cursor: string | null = null;
      let pages = 0;
      do {
        const page: Awaited<ReturnType<typeof source.listLagging>> = await source.listLagging({
          limit: 1,
          ...(cursor === null ? {} : { cursor }),
        });
        found.push(...page.items.map((item) => item.aggregateId));
        cursor = page.nextCursor;
      } while (cursor !== null && ++pages < 20);
      expect(found, `${aggregatesPerQuery} per query`).toEqual(["a"]);
    }
    await own.drop();
  });

  it("reads no part without a recent event", async () => {
    const { client, database } = db;
    const insert = (acceptedAt: bigint) =>
      client.command({
        query:
          `INSERT INTO ${database}.events (TenantId, AggregateId, EventId, AcceptedAt) ` +
          `SELECT 'bulk', toString(number), '1', ${acceptedAt} FROM numbers(100000)`,
      });
    // Two parts of one month, or of two: nothing merges them before the test looks, or it looks again.
    await client.command({ query: `SYSTEM STOP MERGES ${database}.events` });
    await insert(nowNano() - 3_600_000_000_000n);
    await client.command({
      query:
        `INSERT INTO ${database}.events (TenantId, AggregateId, EventId, AcceptedAt) ` +
        `SELECT 'bulk', toString(number), '2', ${nowNano()} FROM numbers(10)`,
    });
    const explained = await client.query({
      query:
        `EXPLAIN indexes = 1 SELECT TenantId, AggregateId FROM ${database}.events ` +
        `WHERE AcceptedAt >= toUInt64(greatest(0, toUnixTimestamp64Nano(now64(9)) - 600000 * 1000000))`,
      format: "TabSeparated",
    });
    const text = await explained.text();
    const [, read, all] = /Min-?Max[\s\S]*?Parts: (\d+)\/(\d+)/.exec(text) ?? [];
    expect(Number(read), text).toBeLessThan(Number(all));

    const page = await new LagSourceClickHouse(client, {
      database,
      projectionTable: projectionsTable(),
    }).listLagging({
      acceptedWithinMs: 600_000,
    });
    const bulk = page.items.filter((item) => item.tenantId === "bulk");
    expect(bulk.map(({ storedEvents }) => storedEvents)).toEqual(Array.from({ length: 10 }, () => 2));
    await client.command({ query: `SYSTEM START MERGES ${database}.events` });
  });

  it("compares fewer aggregates at a time where the engine has not the memory for all", async () => {
    const own = await newTestDatabase();
    const { client, database } = own;
    await client.command({
      query:
        `INSERT INTO ${database}.events (TenantId, AggregateId, EventId, AcceptedAt) ` +
        "SELECT 'large', toString(intDiv(number, 20000)), toString(number), number FROM numbers(500000)",
    });
    const limited = { max_memory_usage: "20000000", max_threads: 2 };
    const source = new LagSourceClickHouse(client, {
      database,
      projectionTable: projectionsTable(),
      aggregatesPerQuery: 64,
      readSettings: limited,
    });
    let found = 0;
    let pages = 0;
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof source.listLagging>> = await source.listLagging({
        limit: 1_000_000,
        ...(cursor === null ? {} : { cursor }),
      });
      found += page.items.filter((item) => item.tenantId === "large").length;
      pages++;
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(found).toBe(25);
    expect(pages).toBeGreaterThan(1);
    await own.drop();
  }, 120_000);
});
