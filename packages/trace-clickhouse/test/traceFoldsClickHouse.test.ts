import { createEventSourcingPipeline, type EventStore, parseTenantId } from "@es/core";
import { ProjectionStoreMemory } from "@es/store-memory";
import { arrivalArbitrary } from "@es/testkit";
import type { SpanEvent } from "@es/trace-projection";
import { TraceProjectionEventHandler } from "@es/trace-projection";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { anySpanEvents, traceId } from "../../trace-projection/test/spanArbitraries.js";
import { spanEventToRow } from "../src/columns/spanRow.js";
import { spanEventStoreClickHouse } from "../src/index.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

let db: TestDatabase;
beforeAll(async () => {
  db = await newTestDatabase();
});
afterAll(() => db.drop());

let tenants = 0;
/** More than the store's window of what is new; stamps are this far apart. */
const SECONDS = 1_000_000_000n;

const steps = fc.array(
  fc.constantFrom(
    "rebuild",
    "rebuild",
    "twice at once",
    "by another worker",
    "by both at once",
    "fail to read",
    "fail to read some",
    "force",
    "expire",
    "merge",
    "none",
  ),
  { maxLength: 30 },
);

it("folds from what changed as from everything: late, replaced and expired spans, by any worker, past any failure", async () => {
  const eventStore = spanEventStoreClickHouse(db.client, { database: db.database });
  await fc.assert(
    fc.asyncProperty(
      anySpanEvents,
      arrivalArbitrary(),
      steps,
      fc.constantFrom(undefined, 6_000, 0),
      async (drafts, arrival, then, maxBytes) => {
        const tenantId = parseTenantId(`folds-${++tenants}`);
        const contexts = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
        // Of equal stamps either may stay: every one is another.
        const events = drafts.filter(isStorable).map((event, i) => ({
          ...event,
          acceptedAt: (event.acceptedAt % 16n) * SECONDS + BigInt(i) + 1n,
        }));
        const worker = () => {
          const failing = new Set<string>();
          const { service } = createEventSourcingPipeline({
            eventStore: failingReads(eventStore, failing),
            projectionStore: new ProjectionStoreMemory(),
            eventHandler: new TraceProjectionEventHandler(),
            serviceOptions: {
              keptFolds: { minEvents: 1, ...(maxBytes === undefined ? {} : { maxBytes }) },
            },
          });
          return { failing, rebuild: () => service.rebuildProjection(traceId, contexts), service };
        };
        const reader = createEventSourcingPipeline({
          eventStore,
          projectionStore: new ProjectionStoreMemory(),
          eventHandler: new TraceProjectionEventHandler(),
          serviceOptions: { keptFolds: false },
        }).service;
        const [one, other] = [worker(), worker()];
        const expectEqual = async (...results: ReturnType<typeof reader.rebuildProjection>[]) => {
          const expected = await reader.rebuildProjection(traceId, contexts);
          for (const result of results) expect(await result).toEqual(expected);
        };
        for (const [i, batch] of arrival.batchesOf(events).entries()) {
          await eventStore.storeEvents(batch, { tenantId });
          switch (then[i]) {
            case "rebuild":
              await expectEqual(one.rebuild());
              break;
            case "twice at once":
              await expectEqual(one.rebuild(), one.rebuild());
              break;
            case "by another worker":
              await expectEqual(other.rebuild());
              break;
            case "by both at once":
              await expectEqual(one.rebuild(), other.rebuild());
              break;
            case "fail to read":
            case "fail to read some": {
              const calls =
                then[i] === "fail to read" ? ["getChangedEvents", "getEvents"] : ["getEventsById"];
              for (const call of calls) one.failing.add(call);
              const [outcome] = await Promise.allSettled([one.rebuild()]);
              if (then[i] === "fail to read") expect(outcome.status).toBe("rejected");
              one.failing.clear();
              break;
            }
            case "force":
              await one.service.forceRebuildProjection(traceId, contexts);
              break;
            case "expire":
              await expire(tenantId, batch[0] as SpanEvent);
              break;
            case "merge":
              await db.optimize("spans");
              break;
          }
        }
        await expectEqual(one.rebuild(), other.rebuild());
      },
    ),
    { numRuns: 20 },
  );
}, 120_000);

/** Some of the spans hold what UTF-8 cannot. */
function isStorable(event: SpanEvent): boolean {
  try {
    spanEventToRow(event, parseTenantId("any"));
    return true;
  } catch {
    return false;
  }
}

async function expire(tenantId: string, event: SpanEvent): Promise<void> {
  await db.client.command({
    query:
      `DELETE FROM ${db.database}.spans WHERE TenantId = {tenantId: String} AND ` +
      "TraceId = {traceId: String} AND SpanId = {spanId: String}",
    query_params: { tenantId, traceId, spanId: event.id },
    clickhouse_settings: { lightweight_deletes_sync: "2" },
  });
}

/** The store, of which some calls fail. */
function failingReads(
  store: EventStore<string, SpanEvent>,
  failing: ReadonlySet<string>,
): EventStore<string, SpanEvent> {
  return new Proxy(store, {
    get(target, name: keyof EventStore<string, SpanEvent>) {
      const call = target[name]?.bind(target) as ((...parameters: never[]) => unknown) | undefined;
      if (call === undefined) return undefined;
      return async (...parameters: never[]) => {
        if (failing.has(name)) throw new Error("away");
        return call(...parameters);
      };
    },
  });
}
