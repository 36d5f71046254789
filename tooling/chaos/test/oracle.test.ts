import { randomUUID } from "node:crypto";
import { createClient } from "@clickhouse/client";
import { createEventSourcingPipeline, type EventSourcingHooks, parseTenantId } from "@es/core";
import { createAcceptedClock } from "@es/core/adapter";
import type { OtlpSpan } from "@es/otlp";
import {
  type SessionEvent,
  SessionProjectionEventHandler,
  sessionEventsOf,
  sessionIdsOf,
} from "@es/session-projection";
import {
  sessionClickHouseMigrations,
  sessionEventStoreClickHouse,
  sessionGenerationStorageClickHouse,
} from "@es/session-projection/clickhouse";
import { migrate } from "@es/store-clickhouse";
import {
  spanEventStoreClickHouse,
  traceClickHouseMigrations,
  traceProjectionStoreClickHouse,
} from "@es/trace-clickhouse";
import {
  createSpanEvent,
  type SpanEvent,
  type TraceProjection,
  TraceProjectionEventHandler,
} from "@es/trace-projection";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Ledger } from "../src/load/ledger.js";
import { type LoadShape, type MadeTrace, makeWave, serviceOf } from "../src/load/traces.js";
import { checkSessions } from "../src/oracle/checkSessions.js";
import { checkStore } from "../src/oracle/checkStore.js";
import { Offences } from "../src/oracle/offence.js";
import { StoredRows } from "../src/oracle/storedRows.js";

const shape: LoadShape = { seed: 77, tenants: ["acme", "acme:1"], tracesPerSecond: 3 };
const WAVES = 2;

/**
 * A store that holds exactly what was sent, in which one thing is then made wrong.
 *
 * @param isTold what traces tell sessions; roots arrive last then
 */
async function rightStore(isTold?: (event: SessionEvent) => boolean) {
  const client = createClient({ url: process.env.CLICKHOUSE_URL ?? "" });
  const database = `chaos_${randomUUID().replaceAll("-", "")}`;
  await migrate(client, { database, migrations: [traceClickHouseMigrations, sessionClickHouseMigrations] });
  const clock = createAcceptedClock();
  const sessionEvents = sessionEventStoreClickHouse(client, { database });
  const { service: sessions } = createEventSourcingPipeline({
    eventStore: sessionEvents,
    projectionStore: sessionGenerationStorageClickHouse(client, { database }).storeOf(1),
    eventHandler: new SessionProjectionEventHandler(),
  });
  const toldSessions = (
    isTold: (event: SessionEvent) => boolean,
  ): EventSourcingHooks<string, SpanEvent, TraceProjection> => ({
    async beforePersist(record, { tenantId }) {
      const events = sessionEventsOf(record, 1, clock).filter(isTold);
      if (events.length > 0) await sessionEvents.storeEvents(events, { tenantId });
      return undefined;
    },
    async afterPersist({ projection }, { tenantId }) {
      const contexts = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
      await sessions.rebuildProjections(sessionIdsOf(projection), contexts);
    },
  });
  const eventStore = spanEventStoreClickHouse(client, { database });
  const projectionStore = traceProjectionStoreClickHouse(client, { database });
  const { service } = createEventSourcingPipeline({
    eventStore,
    projectionStore,
    eventHandler: new TraceProjectionEventHandler(),
    serviceOptions: isTold === undefined ? {} : { hooks: toldSessions(isTold) },
  });
  const ledger = new Ledger();
  const rows = new StoredRows(client, database);
  let accepted = 1_000n;
  const contextOf = (tenant: string) => ({ tenantId: parseTenantId(tenant) });

  const store = (tenant: string, spans: readonly OtlpSpan[]) =>
    eventStore.storeEvents(
      spans.map((span) => createSpanEvent(span, accepted++)),
      contextOf(tenant),
    );
  const project = (tenant: string, traceId: string) =>
    service.rebuildProjection(traceId, {
      eventStoreContext: contextOf(tenant),
      projectionStoreContext: contextOf(tenant),
    });
  const acknowledge = (trace: MadeTrace) => {
    const places = trace.spans.map((_, index) => ({ trace, index }));
    ledger.sent(places);
    ledger.acknowledged(places);
  };
  const traces = [0, 1].flatMap((wave) => makeWave(shape, wave));
  for (const trace of traces) {
    if (isTold !== undefined && trace.spans.length > 1) {
      await store(trace.tenant, trace.spans.slice(1));
      await project(trace.tenant, trace.traceId);
    }
    await store(trace.tenant, trace.spans);
    // Sent twice, stored twice until a merge.
    await store(trace.tenant, trace.spans.slice(0, 2));
    await project(trace.tenant, trace.traceId);
    acknowledge(trace);
  }
  return {
    traces,
    rows,
    ledger,
    store,
    project,
    contextOf,
    projectionStore,
    sessionEvents,
    sessions,
    async offences() {
      const offences = new Offences();
      const summary = await checkStore({ rows, shape, waves: WAVES, ledger, offences });
      return { offences, summary, broken: broken(offences) };
    },
    async sessionOffences() {
      const offences = new Offences();
      const sessions = await checkSessions({ rows, shape, waves: WAVES, offences });
      return { sessions, broken: broken(offences) };
    },
    remove: (table: string, condition: string) =>
      client.command({
        query: `DELETE FROM ${database}.${table} WHERE ${condition}`,
        clickhouse_settings: { lightweight_deletes_sync: "2" },
      }),
    async drop() {
      await client.command({ query: `DROP DATABASE ${database}` });
      await client.close();
    },
  };
}

/** The kinds that were found, and how often. */
function broken(offences: Offences) {
  return Object.fromEntries(Object.entries(offences.counts).filter(([, count]) => count > 0));
}

describe("checkStore", () => {
  let stored: Awaited<ReturnType<typeof rightStore>>;
  let trace: MadeTrace;
  let sibling: MadeTrace;

  beforeEach(async () => {
    stored = await rightStore();
    trace = stored.traces.find(({ spans }) => spans.length > 3) as MadeTrace;
    sibling = stored.traces.find(
      ({ traceId, tenant }) => traceId === trace.traceId && tenant !== trace.tenant,
    ) as MadeTrace;
  });
  afterEach(() => stored.drop());

  it("finds nothing wrong in a store that holds what was sent, in any number of copies", async () => {
    const { broken: found, summary } = await stored.offences();
    expect(found).toEqual({});
    const spans = stored.traces.reduce((sum, made) => sum + made.spans.length, 0);
    expect(summary).toMatchObject({ spans, projections: stored.traces.length });
    expect(await stored.rows.lag()).toEqual({ aggregates: 0, oldestMs: 0 });
  });

  it("sees an acknowledged span that is gone", async () => {
    const spanId = trace.spans.at(-1)?.spanId ?? "";
    await stored.remove("spans", `TenantId = '${trace.tenant}' AND SpanId = '${spanId}'`);
    const { broken: found, offences } = await stored.offences();
    // The projection still counts it.
    expect(found).toEqual({ lost: 1, doubled: 1 });
    expect(offences.first[0]).toMatchObject({ kind: "lost", tenant: trace.tenant, traceId: trace.traceId });
    expect(offences.first[0]?.detail).toContain(spanId);
  });

  it("sees a span with other content", async () => {
    const last = trace.spans.at(-1) as OtlpSpan;
    await stored.store(trace.tenant, [{ ...last, name: `${last.name}!` }]);
    await stored.project(trace.tenant, trace.traceId);
    expect((await stored.offences()).broken).toEqual({ lost: 1 });
  });

  it("sees a projection that is older than its spans", async () => {
    const last = trace.spans.at(-1) as OtlpSpan;
    const removed = `TenantId = '${trace.tenant}' AND SpanId = '${last.spanId}'`;
    await stored.remove("spans", removed);
    await stored.remove("trace_projections", `TenantId = '${trace.tenant}' AND TraceId = '${trace.traceId}'`);
    await stored.project(trace.tenant, trace.traceId);
    await stored.store(trace.tenant, [last]);
    expect((await stored.offences()).broken).toEqual({ stale: 1 });
    expect((await stored.rows.lag()).aggregates).toBe(1);
  });

  it("sees a projection whose version does not say what it was made of", async () => {
    await stored.store(trace.tenant, [trace.spans.at(-1) as OtlpSpan]);
    expect((await stored.offences()).broken).toEqual({ misversioned: 1 });
    expect((await stored.rows.lag()).aggregates).toBe(1);
  });

  it("sees a projection that is missing", async () => {
    await stored.remove("trace_projections", `TenantId = '${trace.tenant}' AND TraceId = '${trace.traceId}'`);
    expect((await stored.offences()).broken).toEqual({ stale: 1 });
    expect((await stored.rows.lag()).aggregates).toBe(1);
  });

  /** Puts a changed projection over the right one. */
  async function overwrite(change: (projection: TraceProjection) => Partial<TraceProjection>) {
    const context = stored.contextOf(trace.tenant);
    const read = await stored.projectionStore.getProjection(trace.traceId, context);
    if (read.status !== "found") throw new Error("not projected");
    const { record } = read;
    const version = (record.version + 1n) as typeof record.version;
    const projection = { ...record.projection, ...change(record.projection) };
    await stored.projectionStore.storeProjection({ ...record, version, projection }, context);
  }

  it("sees a projection that counts spans twice", async () => {
    await overwrite(({ spanCount }) => ({ spanCount: spanCount * 2 }));
    expect((await stored.offences()).broken).toEqual({ doubled: 1 });
  });

  it("sees a projection made of another tenant's spans", async () => {
    await overwrite(({ services }) => ({ services: [...services, serviceOf(sibling.tenant)] }));
    expect((await stored.offences()).broken).toEqual({ mixed: 1 });
  });

  it("sees a span of another tenant", async () => {
    await stored.store(trace.tenant, sibling.spans.slice(0, 1));
    await stored.project(trace.tenant, trace.traceId);
    expect((await stored.offences()).broken).toEqual({ mixed: 1 });
  });

  it("sees what nobody sent: a span, a trace, a tenant", async () => {
    const [span] = trace.spans as [OtlpSpan];
    await stored.store(trace.tenant, [{ ...span, spanId: "00000000000000aa" }]);
    await stored.project(trace.tenant, trace.traceId);
    expect((await stored.offences()).broken).toEqual({ mixed: 1 });
    await stored.store(trace.tenant, [{ ...span, traceId: "000000000000000000000000000000aa" }]);
    await stored.store("nobody", [span]);
    expect((await stored.offences()).broken).toEqual({ mixed: 3 });
  });
});

describe("checkSessions", () => {
  let stored: Awaited<ReturnType<typeof rightStore>>;
  afterEach(() => stored.drop());

  it("finds nothing wrong where sessions are the sums of their traces, also of those that left another", async () => {
    let left = 0;
    stored = await rightStore(({ data }) => {
      if (data.trace === null) left++;
      return true;
    });
    const { sessions, broken: found } = await stored.sessionOffences();
    expect(found).toEqual({});
    // Each trace has a session to itself within so few waves.
    expect(sessions).toBe(stored.traces.length);
    expect(left).toBeGreaterThan(0);
    expect(await stored.rows.sessionLag()).toEqual({ aggregates: 0, oldestMs: 0 });
    expect((await stored.offences()).broken).toEqual({});
  });

  it("sees a session that is missing", async () => {
    stored = await rightStore(() => true);
    const [trace] = stored.traces as [MadeTrace];
    const sessionId = String(trace.spans[0]?.attributes.get("session.id"));
    await stored.remove("session_projections", `TenantId = '${trace.tenant}' AND SessionId = '${sessionId}'`);
    expect((await stored.sessionOffences()).broken).toEqual({ stale: 1 });
    expect((await stored.rows.sessionLag()).aggregates).toBe(1);
  });

  it("sees a session that was told of all but the newest projection of a trace", async () => {
    stored = await rightStore(() => true);
    const [trace] = stored.traces as [MadeTrace];
    const read = await stored.projectionStore.getProjection(trace.traceId, stored.contextOf(trace.tenant));
    if (read.status !== "found") throw new Error("not projected");
    const { record } = read;
    const overwrite = (by: bigint, spanCount: number) =>
      stored.projectionStore.storeProjection(
        {
          ...record,
          version: (record.version + by) as typeof record.version,
          projection: { ...record.projection, spanCount },
        },
        stored.contextOf(trace.tenant),
      );
    await overwrite(1n, record.projection.spanCount + 1);
    expect((await stored.sessionOffences()).broken).toEqual({ stale: 1 });
    await overwrite(2n, record.projection.spanCount - 1);
    expect((await stored.sessionOffences()).broken).toEqual({ doubled: 1 });
  });

  it("sees sessions that were not told that a trace has left them", async () => {
    stored = await rightStore(({ data }) => data.trace !== null);
    const { broken: found } = await stored.sessionOffences();
    expect(Object.keys(found)).toEqual(["doubled"]);
  });

  it("sees a session that no trace of its tenant names", async () => {
    stored = await rightStore(() => true);
    const [trace] = stored.traces as [MadeTrace];
    const context = stored.contextOf(trace.tenant);
    const [id, version] = ["nobody's", "1"];
    await stored.sessionEvents.storeEvents(
      [
        {
          ...{ id, aggregateId: id, type: "session.trace", occurredAt: 1n, acceptedAt: 1n },
          data: { traceId: trace.traceId, generation: 1, version, trace: null },
        },
      ],
      context,
    );
    await stored.sessions.rebuildProjection(id, {
      eventStoreContext: context,
      projectionStoreContext: context,
    });
    expect((await stored.sessionOffences()).broken).toEqual({ mixed: 1 });
  });
});
