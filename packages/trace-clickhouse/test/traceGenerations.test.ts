import { createEventSourcingPipeline, createEventStream, type EventHandler, parseTenantId } from "@es/core";
import { scheduleLagging } from "@es/processing";
import { generationStorageContract } from "@es/testkit";
import type { TraceProjection } from "@es/trace-projection";
import {
  createSpanEvent,
  type SpanEvent,
  TraceProjectionEventHandler,
  traceProjectionHandlers,
} from "@es/trace-projection";
import { buildSpan } from "@es/trace-projection/demo";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  spanEventStoreClickHouse,
  TraceReadRepositoryClickHouse,
  traceGenerationMigrations,
  traceGenerationStorageClickHouse,
} from "../src/index.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

const T0 = 1_780_000_000_000_000_000n;
const traceIdOf = (n: number) => n.toString(16).padStart(32, "0");
const spanOf = (n: number, spanId = "00000000000000a1") =>
  buildSpan({ traceId: traceIdOf(n), spanId, name: "chat", start: T0 + BigInt(n), end: T0 + BigInt(n) + 5n });

/** Names every trace after the version. */
const handlerOf = (version: number): EventHandler<string, SpanEvent, TraceProjection> => {
  const handler = new TraceProjectionEventHandler();
  return { version, handle: (stream) => ({ ...handler.handle(stream), name: `by ${version}` }) };
};

generationStorageContract({
  name: "GenerationStorageClickHouse over tables of traces",
  async setUp() {
    const { client, database, optimize, drop } = await newTestDatabase();
    return {
      storage: traceGenerationStorageClickHouse(client, { database }),
      async settle() {
        for (const table of ["trace_projections", "trace_projections_v2", "trace_projections_v3"])
          await optimize(table);
      },
      tearDown: drop,
    };
  },
  makeProjection: (number, traceId) =>
    handlerOf(number).handle(createEventStream(traceId, [createSpanEvent(spanOf(number), 1n)])),
});

describe("generations of trace projections", () => {
  let db: TestDatabase;
  let storage: ReturnType<typeof traceGenerationStorageClickHouse>;
  beforeAll(async () => {
    db = await newTestDatabase();
    storage = traceGenerationStorageClickHouse(db.client, { database: db.database });
    await storage.prepare(2);
  });
  afterAll(() => db.drop());

  const options = () => ({ database: db.database });
  const serviceOf = (generation: number) =>
    createEventSourcingPipeline({
      eventStore: spanEventStoreClickHouse(db.client, options()),
      projectionStore: storage.storeOf(generation),
      eventHandler: handlerOf(generation),
    }).service;

  it("are read one at a time, whichever serves, and lag by themselves", async () => {
    const tenantId = parseTenantId("reads");
    const context = { tenantId };
    const traces = [1, 2, 3];
    await spanEventStoreClickHouse(db.client, options()).storeEvents(
      traces.map((n) => createSpanEvent(spanOf(n), T0)),
      context,
    );
    let serving = 1;
    const reads = new TraceReadRepositoryClickHouse(db.client, { ...options(), generation: () => serving });
    const namesRead = async () => {
      const { traces: listed } = await reads.listTraces({ tenantId });
      const single = await Promise.all(traces.map((n) => reads.getTrace(tenantId, traceIdOf(n))));
      expect(listed.map(({ name }) => name).sort()).toEqual(
        single.flatMap((trace) => (trace === null ? [] : [trace.name])).sort(),
      );
      return single.map((trace) => trace?.name ?? null);
    };
    const rebuild = async (generation: number, n: number) =>
      serviceOf(generation).rebuildProjection(traceIdOf(n), {
        eventStoreContext: context,
        projectionStoreContext: context,
      });
    const lagging: string[] = [];
    const lagOf = async (generation: number) => {
      lagging.length = 0;
      await scheduleLagging(storage.lagOf(generation), {
        schedule: async (refs) => void lagging.push(...refs.map(({ aggregateId }) => aggregateId)),
      });
      return [...lagging].sort();
    };

    for (const n of traces) await rebuild(1, n);
    await rebuild(2, 1);
    expect(await namesRead()).toEqual(["by 1", "by 1", "by 1"]);
    expect(await lagOf(1)).toEqual([]);
    expect(await lagOf(2)).toEqual([traceIdOf(2), traceIdOf(3)]);
    serving = 2;
    expect(await namesRead()).toEqual(["by 2", null, null]);
    for (const n of traces) await rebuild(2, n);
    expect(await lagOf(2)).toEqual([]);
    for (const merged of [false, true]) {
      if (merged) for (const table of ["trace_projections", "trace_projections_v2"]) await db.optimize(table);
      serving = 2;
      expect(await namesRead()).toEqual(["by 2", "by 2", "by 2"]);
      serving = 1;
      expect(await namesRead()).toEqual(["by 1", "by 1", "by 1"]);
    }
    await spanEventStoreClickHouse(db.client, options()).storeEvents(
      [createSpanEvent(spanOf(2, "00000000000000a2"), T0 + 1n)],
      context,
    );
    await rebuild(2, 2);
    expect(await lagOf(1)).toEqual([traceIdOf(2)]);
    expect(await lagOf(2)).toEqual([]);
  });

  it("have one table each, of the same shape", async () => {
    const result = await db.client.query({
      query:
        "SELECT table, groupArray((name, type, compression_codec)) AS columns FROM (SELECT * FROM system.columns " +
        `WHERE database = '${db.database}' AND table LIKE 'trace_projections%' ORDER BY table, position) GROUP BY table ORDER BY table`,
      format: "JSONEachRow",
    });
    const [first, second] = await result.json<{ table: string; columns: unknown }>();
    expect([first?.table, second?.table]).toEqual(["trace_projections", "trace_projections_v2"]);
    expect(second?.columns).toEqual(first?.columns);
    expect(() => traceGenerationMigrations(0)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  });

  it("are those of handlers with a version each, the oldest first", () => {
    const versions = traceProjectionHandlers.map(({ version }) => version);
    expect(versions.length).toBeGreaterThan(0);
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  });
});
