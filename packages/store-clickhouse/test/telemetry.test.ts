import { makeProjectionVersion, parseTenantId } from "@es/core";
import { trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EventStoreClickHouse, ProjectionStoreClickHouse } from "../src/index.js";
import { type CallEvent, callMigrations, callTable, callTotalTable } from "./callTables.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

const tenantId = parseTenantId("acme");
const context = { tenantId };
const call = (aggregateId: string, attributes: Record<string, string> = {}): CallEvent => ({
  id: "span-1",
  aggregateId,
  type: "call",
  occurredAt: 1_700_000_000_000_000_000n,
  acceptedAt: 1_700_000_000_000_000_000n,
  durationNano: 1n,
  attributes,
  data: { tags: [] },
});

describe("telemetry of the ClickHouse stores", () => {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  let db: TestDatabase;
  let events: EventStoreClickHouse<CallEvent>;
  let projections: ProjectionStoreClickHouse<{ readonly total: number }>;
  const spansNamed = (name: string): readonly ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === name);

  beforeAll(async () => {
    provider.register();
    db = await newTestDatabase([callMigrations]);
    events = new EventStoreClickHouse(db.client, { database: db.database, table: callTable });
    projections = new ProjectionStoreClickHouse(db.client, { database: db.database, table: callTotalTable });
  });
  beforeEach(() => exporter.reset());
  afterAll(async () => {
    await db.drop();
    await provider.shutdown();
    trace.disable();
  });

  it("has one span per call, with tenant and trace", async () => {
    await events.storeEvents([call("t1"), call("t2")], context);
    await events.getEvents("t1", context);
    expect(spansNamed("EventStoreClickHouse.storeEvents").map((span) => span.attributes)).toEqual([
      { "tenant.id": "acme", "event.count": 2 },
    ]);
    expect(spansNamed("EventStoreClickHouse.getEvents").map((span) => span.attributes)).toEqual([
      { "tenant.id": "acme", "aggregate.id": "t1", "trace.id": "t1", "event.count": 1 },
    ]);
  });

  it("says when a projection was not found", async () => {
    await projections.getProjection("nowhere", context);
    const [span] = spansNamed("ProjectionStoreClickHouse.getProjection");
    expect(span?.attributes).toMatchObject({ "trace.id": "nowhere", outcome: "absent" });
    expect(span?.events.map(({ name, attributes }) => ({ name, attributes }))).toEqual([
      {
        name: "projection.not_found",
        attributes: { "tenant.id": "acme", "aggregate.id": "nowhere", "trace.id": "nowhere" },
      },
    ]);

    const version = makeProjectionVersion({ eventCount: 1, acceptedSum: 1n, handlerVersion: 1, revision: 0 });
    const metadata = { eventCount: 1, firstEventTimestamp: "1", lastEventTimestamp: "1" };
    const record = { aggregateId: "somewhere", version, projection: { total: 1 }, metadata };
    await projections.storeProjection(record, context);
    await projections.getProjection("somewhere", context);
    const found = spansNamed("ProjectionStoreClickHouse.getProjection")[1];
    expect(found?.attributes.outcome).toBe("found");
    expect(found?.events).toEqual([]);
    expect(spansNamed("ProjectionStoreClickHouse.storeProjection")).toHaveLength(1);
  });

  it("links the round trip that served many calls to each of them", async () => {
    const ids = Array.from({ length: 12 }, (_, i) => `linked-${i}`);
    await Promise.all(ids.map((id) => events.getEvents(id, context)));
    const calls = spansNamed("EventStoreClickHouse.getEvents");
    const trips = spansNamed("EventStoreClickHouse.roundTrip");
    expect(calls).toHaveLength(12);
    expect(trips).toHaveLength(1);
    expect(trips[0]?.attributes).toMatchObject({
      "db.system.name": "clickhouse",
      "db.operation.name": "SELECT",
      "db.operation.batch.size": 12,
    });
    expect(trips[0]?.links.map((link) => link.context.spanId).sort()).toEqual(
      calls.map((span) => span.spanContext().spanId).sort(),
    );
    expect(trips[0]?.parentSpanContext).toBeUndefined();
  });

  it("marks the failed call, and no other of the same round trip", async () => {
    await events.storeEvents([call("fine"), call("fails", { check: "fails" })], context);
    exporter.reset();
    await Promise.allSettled(["fine", "fails"].map((id) => events.getEvents(id, context)));
    const outcomes = spansNamed("EventStoreClickHouse.getEvents").map((span) => [
      span.attributes["trace.id"],
      span.attributes["error.code"],
    ]);
    expect(outcomes.sort()).toEqual([
      ["fails", "STORE_REJECTED"],
      ["fine", undefined],
    ]);
    // Together, then one by one.
    expect(spansNamed("EventStoreClickHouse.roundTrip")).toHaveLength(3);
  });

  it("reads in halves what is too large to share a round trip", async () => {
    const text = "x".repeat(2 ** 20);
    const spans = Array.from({ length: 20 }, (_, i) => ({ ...call("big-0", { text }), id: `span-${i}` }));
    await events.storeEvents(spans, context);
    await events.storeEvents(
      spans.map((span) => ({ ...span, aggregateId: "big-1" })),
      context,
    );
    exporter.reset();
    const read = await Promise.all(["big-0", "big-1"].map((id) => events.getEvents(id, context)));
    expect(read.map(({ length }) => length)).toEqual([20, 20]);
    expect(
      spansNamed("EventStoreClickHouse.roundTrip").map((span) => span.attributes["db.operation.batch.size"]),
    ).toEqual([2, 1, 1]);
  });
});
