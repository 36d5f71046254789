import { randomUUID } from "node:crypto";
import { createClient } from "@clickhouse/client";
import { createEventSourcingPipeline, MAX_AGGREGATE_ID_LENGTH, parseTenantId, type TenantId } from "@es/core";
import { createAcceptedClock } from "@es/core/adapter";
import { migrate } from "@es/store-clickhouse";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type SpanFields, spanEvent, traceRecord } from "../../test/traceRecords.js";
import { sessionEventsOf, sessionIdsOf } from "../sessionEvent.js";
import { SessionProjectionEventHandler } from "../sessionProjectionEventHandler.js";
import {
  SessionReadRepositoryClickHouse,
  sessionClickHouseMigrations,
  sessionEventStoreClickHouse,
  sessionGenerationStorageClickHouse,
} from "./index.js";

const database = `sessions_${randomUUID().replaceAll("-", "")}`;
const client = createClient({ url: process.env.CLICKHOUSE_URL ?? "" });
const clock = createAcceptedClock();
const eventStore = sessionEventStoreClickHouse(client, { database });
const storage = sessionGenerationStorageClickHouse(client, { database });
let serving = 1;
const reads = new SessionReadRepositoryClickHouse(client, { database, generation: () => serving });
const newTenant = () => parseTenantId(`tenant-${randomUUID()}`);

beforeAll(async () => {
  await migrate(client, { database, migrations: [sessionClickHouseMigrations] });
});
afterAll(async () => {
  await client.command({ query: `DROP DATABASE ${database}` });
  await client.close();
});

/** Tells sessions of a trace, and rebuilds those. */
async function tell(tenantId: TenantId, spans: readonly SpanFields[], generation = 1): Promise<void> {
  const { service } = createEventSourcingPipeline({
    eventStore,
    projectionStore: storage.storeOf(generation),
    eventHandler: new SessionProjectionEventHandler({ generation }),
  });
  const record = traceRecord(spans.map(spanEvent), generation);
  await eventStore.storeEvents(sessionEventsOf(record, generation, clock), { tenantId });
  await service.rebuildProjections(sessionIdsOf(record.projection), {
    eventStoreContext: { tenantId },
    projectionStoreContext: { tenantId },
  });
}

const trace = (n: number, sessionId: string, more: Partial<SpanFields> = {}): readonly SpanFields[] => [
  {
    traceId: String(n).padStart(32, "0"),
    spanId: "a",
    start: BigInt(n),
    ...more,
    attributes: { "session.id": sessionId, ...more.attributes },
  },
];

const hostileIds = [
  "a/b",
  "..",
  "'; DROP TABLE x --",
  "{tenantId}",
  "%2F",
  "é😀\u0000\n\t",
  " ",
  "x".repeat(8_192),
];

describe("session projections on ClickHouse", () => {
  it("are listed by last activity, page by page, each once, before and after merges", async () => {
    const tenantId = newTenant();
    for (let i = 0; i < 7; i++) await tell(tenantId, trace(i, `s${i % 5}`));
    const list = async () => {
      const ids: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await reads.listSessions({ tenantId, limit: 2, ...(cursor === null ? {} : { cursor }) });
        expect(page.sessions.length).toBeLessThanOrEqual(2);
        ids.push(...page.sessions.map(({ sessionId }) => sessionId));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return ids;
    };
    expect(await list()).toEqual(["s1", "s0", "s4", "s3", "s2"]);
    await client.command({ query: `OPTIMIZE TABLE ${database}.session_projections FINAL` });
    expect(await list()).toEqual(["s1", "s0", "s4", "s3", "s2"]);
    expect((await reads.listSessions({ tenantId, limit: 1 })).sessions[0]).not.toHaveProperty("traces");
  });

  it("have any id, and are never mixed, neither with others nor between tenants", async () => {
    const [tenantId, other] = [newTenant(), newTenant()];
    for (const [i, id] of hostileIds.entries()) await tell(tenantId, trace(i, id));
    await tell(other, trace(9, hostileIds[0] ?? ""));
    for (const [i, id] of hostileIds.entries()) {
      const session = await reads.getSession(tenantId, id);
      expect(session).toMatchObject({ tenantId, sessionId: id, traceCount: 1 });
      expect(session?.traces[0]?.traceId).toBe(String(i).padStart(32, "0"));
    }
    const listed: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await reads.listSessions({ tenantId, limit: 3, ...(cursor === null ? {} : { cursor }) });
      listed.push(...page.sessions.map(({ sessionId }) => sessionId));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(listed).toEqual(hostileIds.toReversed());
    expect((await reads.listSessions({ tenantId: other })).sessions).toHaveLength(1);
  });

  it("that grow are read and stored as those that are read as a whole", async () => {
    const [tenantId, whole] = [newTenant(), newTenant()];
    const handler = new SessionProjectionEventHandler();
    const projectionStore = storage.storeOf(1);
    const wholeReads = vi.spyOn(eventStore, "getEvents");
    const growing = createEventSourcingPipeline({
      eventStore,
      projectionStore,
      eventHandler: handler,
      serviceOptions: { keptFolds: { minEvents: 1 } },
    }).service;
    const reading = createEventSourcingPipeline({
      eventStore,
      projectionStore,
      eventHandler: handler,
      serviceOptions: { keptFolds: false },
    }).service;
    const stored = (of: TenantId) => projectionStore.getProjection("s", { tenantId: of });
    for (let i = 0; i < 6; i++) {
      // Every trace twice, the second time with another span.
      const spans = [...trace(i % 3, "s"), ...trace(i % 3, "s", { spanId: "b", failed: i === 5 })];
      const record = traceRecord(spans.slice(0, i < 3 ? 1 : 2).map(spanEvent));
      const events = sessionEventsOf(record, 1, clock);
      for (const [of, service] of [
        [tenantId, growing],
        [whole, reading],
      ] as const) {
        await eventStore.storeEvents(events, { tenantId: of });
        await service.rebuildProjection("s", {
          eventStoreContext: { tenantId: of },
          projectionStoreContext: { tenantId: of },
        });
      }
      expect(await stored(tenantId)).toEqual(await stored(whole));
    }
    expect(await stored(tenantId)).toMatchObject({
      record: { projection: { traceCount: 3, failedTraceCount: 1 } },
    });
    const tenants = wholeReads.mock.calls.map(([, context]) => context.tenantId);
    wholeReads.mockRestore();
    expect(tenants.filter((of) => of === tenantId)).toHaveLength(1);
    expect(tenants.filter((of) => of === whole)).toHaveLength(6);
  });

  it("can be found by user", async () => {
    const tenantId = newTenant();
    await tell(tenantId, trace(1, "s", { attributes: { "user.id": "ada" } }));
    await tell(tenantId, trace(2, "s", { attributes: { "user.id": "bob" } }));
    await tell(tenantId, trace(3, "t", { attributes: { "user.id": "bob" } }));
    const of = async (userId: string) =>
      (await reads.listSessions({ tenantId, userId })).sessions.map(({ sessionId }) => sessionId);
    expect(await of("ada")).toEqual(["s"]);
    expect(await of("bob")).toEqual(["t", "s"]);
    expect(await of("eve")).toEqual([]);
  });

  it("disappear when all traces have left them", async () => {
    const tenantId = newTenant();
    const [child] = trace(1, "child's", { spanId: "b", parentSpanId: "a" }) as [SpanFields];
    await tell(tenantId, [child]);
    expect(await reads.getSession(tenantId, "child's")).toMatchObject({ traceCount: 1 });
    await tell(tenantId, [child, ...trace(1, "root's")]);
    expect(await reads.getSession(tenantId, "child's")).toBeNull();
    const { sessions } = await reads.listSessions({ tenantId });
    expect(sessions).toMatchObject([{ sessionId: "root's", traceCount: 1 }]);
  });

  it("are those of the generation that serves, also after going back", async () => {
    const tenantId = newTenant();
    await tell(tenantId, trace(1, "s"), 1);
    await tell(tenantId, trace(1, "s", { failed: true }), 2);
    await tell(tenantId, trace(2, "s", { failed: true }), 2);
    const seen = async () => {
      const session = await reads.getSession(tenantId, "s");
      return [session?.traceCount, session?.status];
    };
    try {
      expect(await seen()).toEqual([1, "unset"]);
      serving = 2;
      expect(await seen()).toEqual([2, "error"]);
    } finally {
      serving = 1;
    }
    expect(await seen()).toEqual([1, "unset"]);
  });

  it("lag when they were told but not rebuilt", async () => {
    const tenantId = newTenant();
    const record = traceRecord(trace(1, "lost").map(spanEvent));
    await eventStore.storeEvents(sessionEventsOf(record, 1, clock), { tenantId });
    const lagging = async () =>
      (await storage.lagOf(1).listLagging()).items.filter((item) => item.tenantId === tenantId);
    expect(await lagging()).toMatchObject([{ aggregateId: "lost", storedEvents: 1, projectedEvents: 0 }]);
    await tell(tenantId, trace(1, "lost"));
    expect(await lagging()).toEqual([]);
  });

  it("that cannot be understood are told, and harm no other", async () => {
    const tenantId = newTenant();
    await tell(tenantId, trace(1, "good"));
    await client.insert({
      table: `${database}.session_projections`,
      values: [
        {
          TenantId: tenantId,
          Generation: "1",
          SessionId: "bad",
          Version: "1",
          LastActivityUnixNano: "5",
          TraceCount: 1,
          Projection: "[]",
          Metadata: "{}",
        },
      ],
      format: "JSONEachRow",
    });
    const list = await reads.listSessions({ tenantId });
    expect(list.sessions.map(({ sessionId }) => sessionId)).toEqual(["good"]);
    expect(list.undecodable).toMatchObject([{ sessionId: "bad" }]);
    await expect(reads.getSession(tenantId, "bad")).rejects.toMatchObject({ code: "PROJECTION_UNDECODABLE" });
  });

  it("are listed beside a row whose id is none", async () => {
    const tenantId = newTenant();
    await tell(tenantId, trace(1, "good"));
    const tooLong = "x".repeat(MAX_AGGREGATE_ID_LENGTH + 1);
    await client.insert({
      table: `${database}.session_projections`,
      values: [{ TenantId: tenantId, Generation: "1", SessionId: tooLong, Version: "1", TraceCount: 1 }],
      format: "JSONEachRow",
    });
    const list = await reads.listSessions({ tenantId });
    expect(list.sessions.map(({ sessionId }) => sessionId)).toEqual(["good"]);
    expect(list.undecodable).toMatchObject([{ sessionId: tooLong }]);
  });

  it("are listed to the end beside rows whose ids are no text, at any size of page", async () => {
    const tenantId = newTenant();
    await tell(tenantId, trace(1, "before"));
    await tell(tenantId, trace(1, "\u{10ffff} behind"));
    await client.command({
      query:
        `INSERT INTO ${database}.session_projections (TenantId, Generation, SessionId, Version, LastActivityUnixNano, TraceCount, Projection) ` +
        "SELECT {tenantId: String}, '1', arrayJoin([unhex('C0'), unhex('FF'), unhex('FFFE')]), 1, 1, 1, '{}'",
      query_params: { tenantId },
    });
    for (const limit of [1, 2, 3]) {
      const listed: string[] = [];
      let unreadable = 0;
      let cursor: string | null = null;
      let pages = 0;
      do {
        const page = await reads.listSessions({ tenantId, limit, ...(cursor === null ? {} : { cursor }) });
        listed.push(...page.sessions.map(({ sessionId }) => sessionId));
        unreadable += page.undecodable?.length ?? 0;
        cursor = page.nextCursor;
        pages += 1;
      } while (cursor !== null && pages < 10);
      expect(pages).toBe(Math.ceil(5 / limit));
      expect(unreadable).toBe(3);
      expect(listed.sort()).toEqual(["before", "\u{10ffff} behind"]);
    }
  });

  it("refuse cursors that are not theirs", async () => {
    await expect(reads.listSessions({ tenantId: newTenant(), cursor: "x" })).rejects.toMatchObject({
      code: "INVALID_CURSOR",
    });
  });
});
