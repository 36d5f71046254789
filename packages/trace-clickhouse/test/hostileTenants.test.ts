import type { ClickHouseClient } from "@clickhouse/client";
import { createEventSourcingPipeline, parseTenantId, type TenantId } from "@es/core";
import { hostileIds, hostileTenantIds } from "@es/testkit";
import { createSpanEvent, TraceProjectionEventHandler } from "@es/trace-projection";
import { buildSpan } from "@es/trace-projection/demo";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  spanEventStoreClickHouse,
  TraceReadRepositoryClickHouse,
  traceLagSourceClickHouse,
  traceProjectionStoreClickHouse,
} from "../src/index.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

const START = 1_780_000_000_000_000_000n;
const tenants = hostileTenantIds.map(parseTenantId);
/** Every tenant has this trace, and one tenant has a trace of every id. */
const SHARED = "0".repeat(31).concat("1");
const collector = parseTenantId("collector");

let db: TestDatabase;
/** Every statement that was sent, without what was bound to it. */
const statements: string[] = [];
beforeAll(async () => {
  db = await newTestDatabase();
});
afterAll(() => db.drop());

function recordStatements(client: ClickHouseClient): ClickHouseClient {
  return new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        const [options] = args;
        if (typeof options === "object" && options !== null && "query" in options)
          statements.push(String(options.query));
        return Reflect.apply(member, target, args);
      };
    },
  });
}

function stores() {
  const client = recordStatements(db.client);
  const options = { database: db.database };
  const eventStore = spanEventStoreClickHouse(client, options);
  const projectionStore = traceProjectionStoreClickHouse(client, options);
  return {
    eventStore,
    projectionStore,
    service: createEventSourcingPipeline({
      eventStore,
      projectionStore,
      eventHandler: new TraceProjectionEventHandler(),
    }).service,
    reads: new TraceReadRepositoryClickHouse(client, options),
    lag: traceLagSourceClickHouse(client, options),
  };
}

const eventOf = (traceId: string, name: string, place = 1) =>
  createSpanEvent(
    buildSpan({
      traceId,
      spanId: place.toString(16).padStart(16, "0"),
      name,
      start: START + BigInt(place),
      end: START + BigInt(place) + 5n,
    }),
    START + BigInt(place),
  );

/** SQL has no other way to write integers of more than 64 bits: what the parts of a projection version count in. */
const placesInVersions = [`'${2n ** 96n}'`, `'${2n ** 192n}'`];

describe("hostile ids, on everything that reads traces", () => {
  it("lag, list and read as what they are, and of their tenant only", { timeout: 300_000 }, async () => {
    const { eventStore, service, reads, lag } = stores();
    await Promise.all([
      ...tenants.map((tenantId, i) =>
        eventStore.storeEvents([eventOf(SHARED, `tenant ${i}`, 1), eventOf(SHARED, `tenant ${i}`, i + 2)], {
          tenantId,
        }),
      ),
      eventStore.storeEvents(
        hostileIds.map((id, i) => eventOf(id, `trace ${i}`)),
        { tenantId: collector },
      ),
    ]);
    const expected = [
      ...tenants.map((tenantId) => [tenantId, SHARED]),
      ...hostileIds.map((id) => [collector, id]),
    ].map((pair) => JSON.stringify(pair));

    const lagging: string[] = [];
    let cursor: string | undefined;
    do {
      const page: Awaited<ReturnType<typeof lag.listLagging>> = await lag.listLagging({
        limit: 7,
        ...(cursor === undefined ? {} : { cursor }),
      });
      lagging.push(...page.items.map(({ tenantId, aggregateId }) => JSON.stringify([tenantId, aggregateId])));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(lagging.sort()).toEqual([...expected].sort());

    await Promise.all(
      lagging.map((pair) => {
        const [tenantId, traceId] = JSON.parse(pair) as [string, string];
        const context = { tenantId: parseTenantId(tenantId) };
        return service.rebuildProjection(traceId, {
          eventStoreContext: context,
          projectionStoreContext: context,
        });
      }),
    );
    expect((await lag.listLagging({ limit: 1_000 })).items).toEqual([]);

    const readTenant = async (tenantId: TenantId, i: number) => {
      const list = await reads.listTraces({ tenantId });
      expect(list.traces.map((trace) => [trace.tenantId, trace.traceId, trace.name])).toEqual([
        [tenantId, SHARED, `tenant ${i}`],
      ]);
      expect(list.undecodable).toBeUndefined();
      const first = await reads.getSpanPage(tenantId, SHARED, { limit: 1 });
      expect(first.items.map(({ name }) => name)).toEqual([`tenant ${i}`]);
      // The cursor of a neighbour is a place in a listing, and nothing of the neighbour.
      const neighbour = tenants[(i + 1) % tenants.length] ?? tenantId;
      const next = await reads.getSpanPage(neighbour, SHARED, { cursor: first.nextCursor ?? "" });
      for (const { name } of next.items) expect(name).toBe(`tenant ${(i + 1) % tenants.length}`);
      expect((await reads.getSpans(tenantId, SHARED)).map(({ name }) => name)).toEqual([
        `tenant ${i}`,
        `tenant ${i}`,
      ]);
    };
    await Promise.all(tenants.map(readTenant));
    const listed: string[] = [];
    let page: string | null = null;
    do {
      const list: Awaited<ReturnType<typeof reads.listTraces>> = await reads.listTraces({
        tenantId: collector,
        limit: 7,
        ...(page === null ? {} : { cursor: page }),
      });
      listed.push(...list.traces.map(({ traceId }) => traceId));
      page = list.nextCursor;
    } while (page !== null);
    expect(listed.sort()).toEqual([...hostileIds].sort());
    const readTrace = async (id: string, i: number) => {
      expect(await reads.getTrace(collector, id)).toMatchObject({
        traceId: id,
        name: `trace ${i}`,
        spanCount: 1,
      });
      expect((await reads.getSpans(collector, id)).map(({ name }) => name)).toEqual([`trace ${i}`]);
    };
    await Promise.all(hostileIds.map(readTrace));
  });

  it("are never part of a statement, only bound to it", async () => {
    statements.length = 0;
    const { eventStore, projectionStore, service, reads, lag } = stores();
    // What no statement of ours could hold by itself.
    const marker = "q7x'z";
    const tenantId = parseTenantId(`tenant ${marker}`);
    const context = { tenantId };
    const both = { eventStoreContext: context, projectionStoreContext: context };
    const [one, two] = [`one ${marker}`, `two ${marker}`];
    await eventStore.storeEvents([eventOf(one, marker), eventOf(two, marker)], context);
    await eventStore.getEvents(one, context);
    await eventStore.getEventsOfMany([one, two], context);
    const ids = await eventStore.listAggregateIds(context, { limit: 1 });
    await eventStore.listAggregateIds(context, { cursor: ids.nextCursor ?? "" });
    const changed = await eventStore.listChangedAggregates(context, { since: 0n, limit: 1 });
    await eventStore.listChangedAggregates(context, { since: 1n, cursor: changed.nextCursor ?? "" });
    await service.rebuildProjection(one, both);
    await service.forceRebuildProjection(two, both);
    await projectionStore.getProjection(one, context);
    await projectionStore.getProjections([one, two], context);
    const list = await reads.listTraces({ tenantId, limit: 1, from: 1n, to: 2n ** 63n, status: "unset" });
    await reads.listTraces({ tenantId, cursor: list.nextCursor ?? "" });
    await reads.getTrace(tenantId, one);
    await reads.getSpans(tenantId, one);
    await reads.getSpanPage(tenantId, one, { limit: 1 });
    const lagging = await lag.listLagging({ limit: 1 });
    if (lagging.nextCursor !== null) await lag.listLagging({ cursor: lagging.nextCursor });
    expect(statements.length).toBeGreaterThan(15);
    for (const statement of statements) {
      expect(statement).not.toContain("q7x");
      // Nothing but names, numbers of the code itself and its own short literals.
      const literals = statement.match(/'[^']*'/g)?.filter((literal) => literal.length > 16) ?? [];
      expect(literals.filter((literal) => !placesInVersions.includes(literal))).toEqual([]);
    }
  });
});
