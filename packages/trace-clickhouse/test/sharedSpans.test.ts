import {
  createEventSourcingPipeline,
  type EventHandler,
  type EventStore,
  parseTenantId,
  type TenantId,
} from "@es/core";
import { SideBySideProjector } from "@es/processing";
import { EventStoreMemory, ProjectionStoreMemory } from "@es/store-memory";
import { vandalize } from "@es/testkit";
import {
  createSpanEvent,
  type SpanEvent,
  spanCodec,
  TraceProjectionEventHandler,
} from "@es/trace-projection";
import { demoTraces } from "@es/trace-projection/demo";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  EventStoreClickHouse,
  SpanIngestionWriteRepositoryClickHouse,
  TraceReadRepositoryClickHouse,
} from "../src/index.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

let db: TestDatabase;
beforeAll(async () => {
  db = await newTestDatabase();
});
afterAll(() => db.drop());

const tenantId = parseTenantId("acme");
const context = { tenantId };

describe("spans, which no store can freeze", () => {
  it.each([
    ["memory", () => new EventStoreMemory<SpanEvent>({ codec: spanCodec })],
    ["ClickHouse", () => new EventStoreClickHouse(db.client, { database: db.database })],
  ] as const)("are not shared between generations whose handlers change them, over %s", async (_, open) => {
    const eventStore: EventStore<string, SpanEvent> = open();
    const spans = demoTraces({ now: 1_780_000_000_000_000_000n })[0]?.batches.flat() ?? [];
    const traceId = spans[0]?.traceId ?? "";
    let acceptedAt = 1n;
    await eventStore.storeEvents(
      spans.map((span) => createSpanEvent(span, acceptedAt++)),
      context,
    );
    const before = await eventStore.getEvents(traceId, context);
    const good = new TraceProjectionEventHandler();
    const expected = new ProjectionStoreMemory<unknown>();
    const contexts = { eventStoreContext: context, projectionStoreContext: context };
    await createEventSourcingPipeline({
      eventStore,
      projectionStore: expected,
      eventHandler: good,
    }).service.rebuildProjection(traceId, contexts);

    const careless: EventHandler<string, SpanEvent, unknown> = {
      handle(stream) {
        vandalize(stream.events);
        return { spans: stream.metadata.count };
      },
    };
    for (const [serving, beside] of [
      [careless, good],
      [good, careless],
    ]) {
      const stores = [new ProjectionStoreMemory<unknown>(), new ProjectionStoreMemory<unknown>()];
      const runnable = [serving, beside].map((eventHandler, place) => ({
        number: place + 1,
        service: createEventSourcingPipeline({
          eventStore,
          projectionStore: stores[place] as ProjectionStoreMemory<unknown>,
          eventHandler: eventHandler as EventHandler<string, SpanEvent, unknown>,
        }).service,
      }));
      const projector = new SideBySideProjector<SpanEvent>({
        eventStore,
        runnable,
        generations: {
          current: async () => ({
            projection: "trace",
            revision: 1,
            serving: 1,
            previous: null,
            generations: [
              { number: 1, state: "serving", since: 0n },
              { number: 2, state: "building", since: 0n },
            ],
          }),
        },
      });
      await projector.run(
        { tenantId, aggregateId: traceId },
        { attempt: 1, signal: new AbortController().signal },
      );
      await projector.drain();
      const ofGood = stores[serving === good ? 0 : 1] as ProjectionStoreMemory<unknown>;
      const ofCareless = stores[serving === good ? 1 : 0] as ProjectionStoreMemory<unknown>;
      expect(await ofGood.getProjection(traceId, context)).toEqual(
        await expected.getProjection(traceId, context),
      );
      expect(await ofCareless.getProjection(traceId, context)).toMatchObject({
        record: { projection: { spans: spans.length } },
      });
    }
    expect(await eventStore.getEvents(traceId, context)).toEqual(before);
  });
});

describe("traces of one resource, read in one round trip", () => {
  it("belong to their callers alone, the same trace asked for twice as well", async () => {
    const eventStore = new EventStoreClickHouse(db.client, { database: db.database });
    const other = { tenantId: parseTenantId("shared") };
    const [span] = demoTraces({ now: 1_780_000_000_000_000_000n })[0]?.batches.flat() ?? [];
    if (span === undefined) throw new Error("There is no demo span.");
    const ids = ["a", "b"].map((letter) => letter.repeat(32));
    const events = ids.map((traceId) => createSpanEvent({ ...span, traceId }, 5n));
    await eventStore.storeEvents(events, other);
    const [first, second, third] = await Promise.all(
      [ids[0], ids[0], ids[1]].map((id) => eventStore.getEvents(id as string, other)),
    );
    vandalize(first);
    expect([second, third]).toEqual(events.map((event) => [event]));
  });
});

describe("repositories", () => {
  it.each([undefined, 5, "", "a\nb", { toString: () => "acme" }])("refuse %j for a tenant", async (given) => {
    const nobody = given as unknown as TenantId;
    const { client, database } = db;
    const writes = new SpanIngestionWriteRepositoryClickHouse({
      eventStore: new EventStoreClickHouse(client, { database }),
      queue: { schedule: async () => expect.fail("nothing is scheduled") },
    });
    const reads = new TraceReadRepositoryClickHouse(client, { database });
    const calls = [
      () => writes.storeSpans([], { tenantId: nobody }),
      () => reads.listTraces({ tenantId: nobody }),
      () => reads.getTrace(nobody, "a"),
      () => reads.getSpans(nobody, "a"),
      () => reads.getSpanPage(nobody, "a"),
      () => reads.explainTrace(nobody, "a"),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "INVALID_TENANT_ID" });
  });
});
