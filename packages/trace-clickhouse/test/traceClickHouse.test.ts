import { setImmediate as nextTurn } from "node:timers/promises";
import {
  createEventSourcingPipeline,
  createEventStream,
  type EventSourcingError,
  isEventSourcingError,
  makeProjectionVersion,
  type Page,
  type ProjectionRecord,
  parseTenantId,
  type TenantId,
} from "@es/core";
import { canonicalJson, encodeCursor } from "@es/core/adapter";
import type { OtlpSpan } from "@es/otlp";
import type { SpanJson, SpanKind, TraceProjection, TraceProjectionJson } from "@es/trace-projection";
import { createSpanEvent, TraceProjectionEventHandler } from "@es/trace-projection";
import { buildSpan, demoTraces } from "@es/trace-projection/demo";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anySpan } from "../../trace-projection/test/spanArbitraries.js";
import {
  SpanIngestionWriteRepositoryClickHouse,
  spanEventStoreClickHouse,
  type TraceList,
  TraceReadRepositoryClickHouse,
  traceLagSourceClickHouse,
  traceProjectionStoreClickHouse,
} from "../src/index.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

let db: TestDatabase;
let store: ReturnType<typeof stores>;
beforeAll(async () => {
  db = await newTestDatabase();
  store = stores();
});
afterAll(() => db.drop());

function stores() {
  const options = { database: db.database };
  const eventStore = spanEventStoreClickHouse(db.client, options);
  const projectionStore = traceProjectionStoreClickHouse(db.client, options);
  const eventHandler = new TraceProjectionEventHandler();
  return {
    eventStore,
    projectionStore,
    service: createEventSourcingPipeline({ eventStore, projectionStore, eventHandler }).service,
    reads: new TraceReadRepositoryClickHouse(db.client, options),
    lag: traceLagSourceClickHouse(db.client, options),
  };
}

let tenants = 0;
const newTenant = () => parseTenantId(`tenant-${++tenants}`);
const T0 = 1_780_000_000_000_000_000n;

function traceIdOf(n: number): string {
  return n.toString(16).padStart(32, "0");
}

function spanOf(trace: number, n: number, change: Partial<OtlpSpan> = {}): OtlpSpan {
  return {
    ...buildSpan({
      traceId: traceIdOf(trace),
      spanId: n.toString(16).padStart(16, "0"),
      name: `span ${n}`,
      start: T0 + BigInt(n),
      end: T0 + BigInt(n) + 10n,
    }),
    ...change,
  };
}

async function spanPages(
  reads: TraceReadRepositoryClickHouse,
  tenantId: TenantId,
  traceId: string,
  limit: number,
): Promise<(readonly SpanJson[])[]> {
  const pages: (readonly SpanJson[])[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<SpanJson> = await reads.getSpanPage(tenantId, traceId, {
      limit,
      ...(cursor === null ? {} : { cursor }),
    });
    pages.push(page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return pages;
}

const rebuild = (tenantId: TenantId, traceId: string) =>
  store.service.rebuildProjection(traceId, {
    eventStoreContext: { tenantId },
    projectionStoreContext: { tenantId },
  });

class RecordingQueue {
  readonly calls: string[][] = [];
  async schedule(
    refs: readonly { readonly tenantId: string; readonly aggregateId: string }[],
  ): Promise<void> {
    this.calls.push(refs.map((ref) => `${ref.tenantId}:${ref.aggregateId}`));
  }
}

describe("SpanIngestionWriteRepositoryClickHouse", () => {
  it("stores spans, then schedules each touched trace once", async () => {
    const tenantId = newTenant();
    const queue = new RecordingQueue();
    const repository = new SpanIngestionWriteRepositoryClickHouse({ eventStore: store.eventStore, queue });
    const spans = [spanOf(1, 1), spanOf(2, 1), spanOf(1, 2), spanOf(1, 1)];
    expect(await repository.storeSpans(spans, { tenantId })).toEqual({ stored: 4, traces: 2 });
    expect(queue.calls).toEqual([[`${tenantId}:${traceIdOf(1)}`, `${tenantId}:${traceIdOf(2)}`]]);
    const events = await store.eventStore.getEvents(traceIdOf(1), { tenantId });
    expect(events.map(({ id }) => id)).toEqual([spanOf(1, 1).spanId, spanOf(1, 2).spanId]);
    expect(events.every(({ acceptedAt }) => acceptedAt > T0)).toBe(true);
  });

  it("stores what it encoded before it schedules the traces, once each", async () => {
    const tenantId = newTenant();
    const queue = new RecordingQueue();
    const order: string[] = [];
    const repository = new SpanIngestionWriteRepositoryClickHouse({
      eventStore: {
        storeEvents: (events, context) => store.eventStore.storeEvents(events, context),
        async storeEncodedRows(rows, context) {
          await store.eventStore.storeEncodedRows(rows, context);
          order.push("stored");
        },
      },
      queue: {
        async schedule(refs) {
          order.push("scheduled");
          await queue.schedule(refs);
        },
      },
    });
    const spans = [spanOf(1, 1), spanOf(2, 1), spanOf(1, 2), { ...spanOf(1, 1), name: "sent again" }];
    const encoder = repository.createEncoder({ byteLength: 1_000_000 });
    const { resource, scope } = spanOf(1, 1);
    expect(encoder?.startGroup(resource, scope)).toBe(true);
    for (const span of spans) encoder?.addSpan(span);
    const encoded = encoder?.finish();
    if (encoded === undefined) throw new Error("nothing was encoded");
    expect(await repository.storeEncodedSpans(encoded, { tenantId })).toEqual({ stored: 4, traces: 2 });
    expect(order).toEqual(["stored", "scheduled"]);
    expect(queue.calls).toEqual([[`${tenantId}:${traceIdOf(1)}`, `${tenantId}:${traceIdOf(2)}`]]);
    const events = await store.eventStore.getEvents(traceIdOf(1), { tenantId });
    expect(events.map(({ data }) => data.name)).toContain("sent again");
    expect(events).toHaveLength(2);
  });

  it("encodes neither small requests nor for a store that takes events only", () => {
    const { eventStore } = store;
    const queue = new RecordingQueue();
    const repository = new SpanIngestionWriteRepositoryClickHouse({ eventStore, queue });
    expect(repository.createEncoder({ byteLength: 1_000 })).toBeUndefined();
    const onlyEvents = new SpanIngestionWriteRepositoryClickHouse({
      eventStore: { storeEvents: (events, context) => eventStore.storeEvents(events, context) },
      queue,
    });
    expect(onlyEvents.createEncoder({ byteLength: 1_000_000 })).toBeUndefined();
  });

  it("neither stores nor schedules for no spans", async () => {
    const queue = new RecordingQueue();
    const repository = new SpanIngestionWriteRepositoryClickHouse({ eventStore: store.eventStore, queue });
    expect(await repository.storeSpans([], { tenantId: newTenant() })).toEqual({ stored: 0, traces: 0 });
    expect(queue.calls).toEqual([]);
  });

  it("succeeds with a queue that fails, and says which traces it left behind", async () => {
    const tenantId = newTenant();
    const told: [EventSourcingError, number][] = [];
    const repository = new SpanIngestionWriteRepositoryClickHouse({
      eventStore: store.eventStore,
      queue: {
        schedule: () => {
          throw new Error("no Redis");
        },
      },
      onScheduleError: (error, refs) => {
        told.push([error, refs.length]);
        throw new Error("a listener that throws changes nothing");
      },
    });
    expect(await repository.storeSpans([spanOf(1, 1)], { tenantId })).toEqual({ stored: 1, traces: 1 });
    expect(told).toHaveLength(1);
    expect(told[0]?.[0]).toMatchObject({ code: "QUEUE_UNAVAILABLE", cause: { message: "no Redis" } });
    expect(await store.eventStore.getEvents(traceIdOf(1), { tenantId })).toHaveLength(1);
  });

  it("does not wait for ever for a queue that does not answer", async () => {
    const told: EventSourcingError[] = [];
    const repository = new SpanIngestionWriteRepositoryClickHouse({
      eventStore: store.eventStore,
      queue: { schedule: () => new Promise(() => {}) },
      scheduleTimeoutMs: 5,
      onScheduleError: (error) => told.push(error),
    });
    await repository.storeSpans([spanOf(1, 1)], { tenantId: newTenant() });
    expect(told.map(({ code, retryable }) => [code, retryable])).toEqual([["QUEUE_UNAVAILABLE", true]]);
  });

  it("rejects, and schedules nothing, when the spans are not stored", async () => {
    const queue = new RecordingQueue();
    const repository = new SpanIngestionWriteRepositoryClickHouse({
      eventStore: spanEventStoreClickHouse(db.client, { database: `${db.database}_gone` }),
      queue,
    });
    const failure = await repository
      .storeSpans([spanOf(1, 1)], { tenantId: newTenant() })
      .catch((error: unknown) => error);
    expect(isEventSourcingError(failure)).toBe(true);
    expect(queue.calls).toEqual([]);
  });
});

describe("the pipeline on ClickHouse", () => {
  it("gives, for every demo trace and batch after batch, what folding its spans in memory gives", async () => {
    const tenantId = newTenant();
    const handler = new TraceProjectionEventHandler();
    const repository = new SpanIngestionWriteRepositoryClickHouse({
      eventStore: store.eventStore,
      queue: new RecordingQueue(),
    });
    for (const { batches } of demoTraces({ now: T0 })) {
      for (const batch of batches) await repository.storeSpans(batch, { tenantId });
      // Clients send again what they are not sure of.
      await repository.storeSpans(batches[0] ?? [], { tenantId });
      const spans = batches.flat();
      const traceId = spans[0]?.traceId ?? "";
      await rebuild(tenantId, traceId);
      const {
        tenantId: owner,
        version,
        ...projection
      } = (await store.reads.getTrace(tenantId, traceId)) ?? {};
      const expected = handler.handle(
        createEventStream(
          traceId,
          spans.map((span, index) => createSpanEvent(span, BigInt(index))),
        ),
      );
      expect(canonicalJson(projection)).toBe(canonicalJson(expected));
      expect(owner).toBe(tenantId);
      expect(version).toMatch(/^\d+$/);
    }
  });

  it("stores the projection of any spans, however odd their times and values", async () => {
    const tenantId = newTenant();
    const latency = fc.constantFrom(0, 1e8, 3e10, 1e300);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anySpan, { minLength: 1, maxLength: 12, selector: ({ spanId }) => spanId }),
        latency,
        async (drafts, seconds) => {
          const traceId = drafts[0]?.traceId ?? "";
          const events = drafts.map((span, index) => {
            const attributes = new Map([
              ...span.attributes,
              ["gen_ai.response.time_to_first_chunk", seconds] as const,
              ["llm.cost.total", seconds] as const,
              ["llm.token_count.prompt", 2n ** 63n - 1n] as const,
            ]);
            return createSpanEvent({ ...span, traceId, attributes }, BigInt(index + 1));
          });
          const stream = createEventStream(traceId, events);
          const projection = new TraceProjectionEventHandler().handle(stream);
          const version = makeProjectionVersion({
            eventCount: events.length,
            acceptedSum: stream.metadata.acceptedSum,
            handlerVersion: 1,
            revision: 0,
          });
          const metadata = { eventCount: 1, firstEventTimestamp: null, lastEventTimestamp: null };
          await store.projectionStore.storeProjection(
            { aggregateId: traceId, version, projection, metadata },
            { tenantId },
          );
          const read = await store.projectionStore.getProjection(traceId, { tenantId });
          expect(read.status === "found" && canonicalJson(read.record.projection)).toBe(
            canonicalJson(projection),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it("keeps in typed columns what people filter on", async () => {
    const tenantId = newTenant();
    const [first] = demoTraces({ now: T0, seed: 3 });
    const spans = first?.batches.flat() ?? [];
    await store.eventStore.storeEvents(
      spans.map((span, index) => createSpanEvent(span, BigInt(index + 1))),
      { tenantId },
    );
    await rebuild(tenantId, spans[0]?.traceId ?? "");
    const result = await db.client.query({
      query: `SELECT *, toString(Cost) AS cost FROM ${db.database}.trace_projections WHERE TenantId = {tenantId: String}`,
      query_params: { tenantId },
      format: "JSONEachRow",
    });
    const [row] = await result.json<Record<string, unknown>>();
    expect(row).toMatchObject({
      Name: "POST /v1/answers",
      Status: "unset",
      Models: ["gpt-4o-2024-08-06"],
      Providers: ["openai"],
      Services: ["support-api"],
      cost: "0.00246",
      SessionId: "conv-2001",
      UserId: "user-4711",
      Truncated: false,
    });
    expect([row?.SpanCount, row?.InputTokens, row?.CacheReadTokens].map(Number)).toEqual([2, 1_240, 1_024]);
  });
});

describe("TraceReadRepositoryClickHouse", () => {
  const record = (
    traceId: string,
    events: number,
    change: Partial<TraceProjection>,
  ): ProjectionRecord<string, TraceProjection> => {
    const projection = new TraceProjectionEventHandler().handle(
      createEventStream(traceId, [createSpanEvent({ ...spanOf(0, 1), traceId }, 1n)]),
    );
    return {
      aggregateId: traceId,
      version: makeProjectionVersion({
        eventCount: events,
        acceptedSum: 1n,
        handlerVersion: 1,
        revision: 0,
      }),
      projection: { ...projection, ...change },
      metadata: { eventCount: events, firstEventTimestamp: null, lastEventTimestamp: null },
    };
  };

  it("lists newest first, page by page, each trace once, ties by trace id", async () => {
    const tenantId = newTenant();
    const records = Array.from({ length: 25 }, (_, n) =>
      record(traceIdOf(n + 1), 1, { startTimeUnixNano: String(T0 + BigInt(Math.floor(n / 3))) }),
    );
    await store.projectionStore.storeProjections(records, { tenantId });
    await store.projectionStore.storeProjection(record(traceIdOf(1), 2, { startTimeUnixNano: String(T0) }), {
      tenantId,
    });
    const seen: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page: Awaited<ReturnType<typeof store.reads.listTraces>> = await store.reads.listTraces({
        tenantId,
        limit: 4,
        ...(cursor === null ? {} : { cursor }),
      });
      seen.push(...page.traces.map(({ traceId, startTimeUnixNano }) => `${startTimeUnixNano} ${traceId}`));
      cursor = page.nextCursor;
      pages++;
    } while (cursor !== null);
    const expected = records
      .map(({ projection }) => `${projection.startTimeUnixNano} ${projection.traceId}`)
      .sort((a, b) => {
        const [at, bt] = [a.split(" "), b.split(" ")];
        return at[0] === bt[0]
          ? (at[1] as string) < (bt[1] as string)
            ? -1
            : 1
          : (at[0] as string) > (bt[0] as string)
            ? -1
            : 1;
      });
    expect(seen).toEqual(expected);
    expect(pages).toBe(7);
  });

  it("lists what the latest versions say, however many older ones of whatever times are still there", async () => {
    const row = fc.record({
      trace: fc.integer({ min: 1, max: 12 }),
      start: fc.nat({ max: 9 }),
      failed: fc.boolean(),
    });
    const page = fc.record({
      limit: fc.integer({ min: 1, max: 4 }),
      from: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
      to: fc.option(fc.integer({ min: 3, max: 10 }), { nil: undefined }),
      status: fc.option(fc.constantFrom("ok" as const, "error" as const), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 60 }),
        page,
        async (versions, { limit, from, to, status }) => {
          const tenantId = newTenant();
          const records = versions.map(({ trace, start, failed }, version) =>
            record(traceIdOf(trace), version + 1, {
              startTimeUnixNano: String(T0 + BigInt(start)),
              status: failed ? "error" : "ok",
            }),
          );
          // Rows of one insert are made one by it.
          for (let from = 0; from < records.length; from += 12) {
            await store.projectionStore.storeProjections(records.slice(from, from + 12), { tenantId });
          }
          const expected = [
            ...new Map(records.map(({ projection }) => [projection.traceId, projection])).values(),
          ]
            .filter((projection) => status === undefined || projection.status === status)
            .map(({ traceId, startTimeUnixNano }) => ({
              traceId,
              start: Number(BigInt(startTimeUnixNano) - T0),
            }))
            .filter(({ start }) => (from === undefined || start >= from) && (to === undefined || start < to))
            .sort((a, b) => b.start - a.start || (a.traceId < b.traceId ? -1 : 1))
            .map(({ traceId }) => traceId);
          const seen: string[] = [];
          let cursor: string | null = null;
          do {
            const listed: Awaited<ReturnType<typeof store.reads.listTraces>> = await store.reads.listTraces({
              tenantId,
              limit,
              ...(from === undefined ? {} : { from: T0 + BigInt(from) }),
              ...(to === undefined ? {} : { to: T0 + BigInt(to) }),
              ...(status === undefined ? {} : { status }),
              ...(cursor === null ? {} : { cursor }),
            });
            seen.push(...listed.traces.map(({ traceId }) => traceId));
            cursor = listed.nextCursor;
          } while (cursor !== null);
          expect(seen).toEqual(expected);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("filters by the latest version only, before and after merges", async () => {
    const tenantId = newTenant();
    const other = newTenant();
    const failed = { status: "error" as const };
    await store.projectionStore.storeProjection(record(traceIdOf(1), 5, { status: "ok" }), { tenantId });
    await store.projectionStore.storeProjection(record(traceIdOf(1), 3, failed), { tenantId });
    await store.projectionStore.storeProjection(record(traceIdOf(2), 1, failed), { tenantId });
    await store.projectionStore.storeProjection(record(traceIdOf(3), 1, failed), { tenantId: other });
    for (const merged of [false, true]) {
      if (merged) await db.optimize("trace_projections");
      const list = await store.reads.listTraces({ tenantId, status: "error" });
      expect(list.traces.map(({ traceId }) => traceId)).toEqual([traceIdOf(2)]);
      expect(list.nextCursor).toBeNull();
    }
  });

  it("refuses to read more of a trace's spans at once than the limit, and reads them page by page", async () => {
    const tenantId = newTenant();
    const large = Array.from({ length: 20 }, (_, n) =>
      spanOf(9, n + 1, { attributes: new Map([["text", "x".repeat(20_000)]]) }),
    );
    await store.eventStore.storeEvents(
      large.map((span) => createSpanEvent(span, 1n)),
      { tenantId },
    );
    const reads = new TraceReadRepositoryClickHouse(db.client, {
      database: db.database,
      maxTraceBytes: 200_000,
    });
    const tooLarge = expect.objectContaining({ code: "AGGREGATE_TOO_LARGE" });
    await expect(reads.getSpans(tenantId, traceIdOf(9))).rejects.toEqual(tooLarge);
    expect((await reads.getSpanPage(tenantId, traceIdOf(9), { limit: 5 })).items).toHaveLength(5);
    const all = await store.reads.getSpans(tenantId, traceIdOf(9));
    const small = new TraceReadRepositoryClickHouse(db.client, {
      database: db.database,
      maxPageBytes: 90_000,
    });
    const pages = await spanPages(small, tenantId, traceIdOf(9), 15);
    // Each page ends where it has its bytes, far below its limit, and the next goes on from there.
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThan(8);
    expect(pages.flat()).toEqual(all);
    expect(await store.reads.getSpans(tenantId, traceIdOf(9))).toHaveLength(20);

    const limited = spanEventStoreClickHouse(db.client, {
      database: db.database,
      maxAggregateBytes: 200_000,
    });
    await expect(limited.getEvents(traceIdOf(9), { tenantId })).rejects.toEqual(tooLarge);
    expect(await store.eventStore.getEvents(traceIdOf(9), { tenantId })).toHaveLength(20);
  });

  it("says that a trace is too large also where the engine has sent much of it before it came to the limit", async () => {
    const tenantId = newTenant();
    const large = Array.from({ length: 400 }, (_, n) =>
      spanOf(9, n + 1, { attributes: new Map([["text", "x".repeat(20_000)]]) }),
    );
    await store.eventStore.storeEvents(
      large.map((span) => createSpanEvent(span, 1n)),
      { tenantId },
    );
    // Two blocks, of which the first is below the limit.
    const streamed = spanEventStoreClickHouse(db.client, {
      database: db.database,
      maxAggregateBytes: 7_000_000,
      readSettings: { wait_end_of_query: 0, max_block_size: "8" },
    });
    const tooLarge = expect.objectContaining({ code: "AGGREGATE_TOO_LARGE" });
    await expect(streamed.getEvents(traceIdOf(9), { tenantId })).rejects.toEqual(tooLarge);
  });

  it("filters by the kinds of spans in the latest version", async () => {
    const tenantId = newTenant();
    const retrieved = { spanKinds: { llm: 1, retriever: 2 } };
    await store.projectionStore.storeProjections(
      [
        record(traceIdOf(1), 1, retrieved),
        record(traceIdOf(2), 1, { spanKinds: { llm: 1 } }),
        record(traceIdOf(3), 1, retrieved),
        record(traceIdOf(3), 2, { spanKinds: {} }),
      ],
      { tenantId },
    );
    const ids = async (kind: SpanKind) =>
      (await store.reads.listTraces({ tenantId, kind })).traces.map(({ traceId }) => traceId);
    expect(await ids("retriever")).toEqual([traceIdOf(1)]);
    expect(await ids("llm")).toEqual([traceIdOf(1), traceIdOf(2)]);
    expect(await ids("tool")).toEqual([]);
  });

  it("filters by start, from inclusive, to exclusive", async () => {
    const tenantId = newTenant();
    await store.projectionStore.storeProjections(
      [1, 2, 3, 4].map((n) => record(traceIdOf(n), 1, { startTimeUnixNano: String(T0 + BigInt(n)) })),
      { tenantId },
    );
    const ids = async (range: { from?: bigint; to?: bigint }) =>
      (await store.reads.listTraces({ tenantId, ...range })).traces.map(({ traceId }) => traceId);
    expect(await ids({ from: T0 + 2n, to: T0 + 4n })).toEqual([traceIdOf(3), traceIdOf(2)]);
    expect(await ids({ from: T0 + 4n })).toEqual([traceIdOf(4)]);
    expect(await ids({ to: 0n })).toEqual([]);
    expect(await ids({ from: 2n ** 64n })).toEqual([]);
    expect(await ids({ from: -5n, to: 2n ** 70n })).toHaveLength(4);
  });

  async function copyProjections(from: TenantId, to: TenantId, change: string): Promise<void> {
    const table = `${db.database}.trace_projections`;
    await db.client.command({
      query:
        `INSERT INTO ${table} SELECT * REPLACE ({to: String} AS TenantId, ${change}) ` +
        `FROM (SELECT * FROM ${table} WHERE TenantId = {from: String})`,
      query_params: { from, to },
    });
  }

  it("leaves messages out of listings unless they are asked for, and ends a page where it has its bytes", async () => {
    const tenantId = newTenant();
    const content = (n: number, size: number) => ({
      text: `text ${n}`,
      // Some as ClickHouse would write them, and some not.
      messages: [
        { role: "user", content: `${n % 2 === 0 ? "/é" : "\u2028"} ${"x".repeat(size)}`, n: 1e21 * (n % 3) },
      ],
    });
    const sizes = [10, 9_000, 20_000, 200_000, 9_000, 20_000, 200_000];
    const same = { messages: content(1, 9_000).messages };
    await store.projectionStore.storeProjections(
      sizes.map((size, n) =>
        record(traceIdOf(n), 1, {
          startTimeUnixNano: String(T0 - BigInt(n)),
          input: content(n, size),
          // What looks like a message list elsewhere stays.
          output: n === 1 ? { ...content(n, size) } : null,
          metadata: n === 2 ? content(n, size) : same,
        }),
      ),
      { tenantId },
    );
    const whole = await Promise.all(sizes.map((_, n) => store.reads.getTrace(tenantId, traceIdOf(n))));
    expect(whole[3]?.input?.messages).toHaveLength(1);
    const bare = whole.map((trace) => {
      const { messages: _, ...input } = trace?.input ?? { text: "" };
      if (trace?.output === null) return { ...trace, input };
      const { messages: __, ...output } = trace?.output ?? { text: "" };
      return { ...trace, input, output };
    });
    expect((await store.reads.listTraces({ tenantId })).traces).toEqual(bare);
    expect((await store.reads.listTraces({ tenantId, includeMessages: true })).traces).toEqual(whole);

    const small = new TraceReadRepositoryClickHouse(db.client, {
      database: db.database,
      maxPageBytes: 100_000,
    });
    // Rows that were stored before listings had a text of their own, and rows of which listings read no other.
    const [before, unread] = [newTenant(), newTenant()];
    await copyProjections(tenantId, before, "'' AS Listed, 0 AS ListedLength");
    await copyProjections(tenantId, unread, "if(ListedLength = 0, Projection, 'not read') AS Projection");
    for (const copy of [before, unread]) {
      const { traces } = await store.reads.listTraces({ tenantId: copy });
      expect(traces).toEqual(bare.map((trace) => ({ ...trace, tenantId: copy })));
    }

    for (const includeMessages of [false, true]) {
      const pages: (readonly TraceProjectionJson[])[] = [];
      let cursor: string | null = null;
      do {
        const page: TraceList = await small.listTraces({
          tenantId,
          includeMessages,
          limit: 5,
          ...(cursor === null ? {} : { cursor }),
        });
        pages.push(page.traces);
        cursor = page.nextCursor;
      } while (cursor !== null && pages.length < 10);
      expect(pages.flat()).toEqual(includeMessages ? whole : bare);
      expect(pages.every((page) => page.length > 0 && page.length <= 5)).toBe(true);
      if (includeMessages) expect(pages.length).toBeGreaterThan(3);
    }
  });

  it("a row that cannot be understood is told apart and spoils nothing", async () => {
    const tenantId = newTenant();
    await store.projectionStore.storeProjection(record(traceIdOf(1), 1, {}), { tenantId });
    await db.client.insert({
      table: `${db.database}.trace_projections`,
      values: [
        { TenantId: tenantId, TraceId: traceIdOf(2), Version: "1", Projection: "{oops", Metadata: "{}" },
      ],
      format: "JSONEachRow",
    });
    const list = await store.reads.listTraces({ tenantId });
    expect(list.traces.map(({ traceId }) => traceId)).toEqual([traceIdOf(1)]);
    expect(list.undecodable?.map(({ traceId }) => traceId)).toEqual([traceIdOf(2)]);
    await expect(store.reads.getTrace(tenantId, traceIdOf(2))).rejects.toMatchObject({
      code: "PROJECTION_UNDECODABLE",
    });
    expect(await store.reads.getTrace(tenantId, traceIdOf(3))).toBeNull();
  });

  it("refuses a cursor it did not give, such as another listing's", async () => {
    const tenantId = newTenant();
    const spans = [1, 2].map((n) => createSpanEvent(spanOf(4, n), 1n));
    await store.eventStore.storeEvents(spans, { tenantId });
    await store.projectionStore.storeProjections(
      [4, 5].map((n) => record(traceIdOf(n), 1, {})),
      { tenantId },
    );
    const ofSpans = (await store.reads.getSpanPage(tenantId, traceIdOf(4), { limit: 1 })).nextCursor ?? "";
    const ofTraces = (await store.reads.listTraces({ tenantId, limit: 1 })).nextCursor ?? "";
    const invalid = { code: "INVALID_CURSOR" };
    for (const cursor of ["x", "", encodeCursor("1:zz"), ofSpans]) {
      await expect(store.reads.listTraces({ tenantId, cursor })).rejects.toMatchObject(invalid);
    }
    for (const cursor of ["x", "", encodeCursor("span:1:zz"), ofTraces]) {
      await expect(store.reads.getSpanPage(tenantId, traceIdOf(4), { cursor })).rejects.toMatchObject(
        invalid,
      );
    }
  });

  it("gives every span once, page by page, whatever the ids and however many start at once", async () => {
    const anyId = fc.stringMatching(/^[0-9a-f]{16}$/);
    let trace = 100;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyId, { minLength: 1, maxLength: 30 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 30, maxLength: 30 }),
        fc.integer({ min: 1, max: 9 }),
        async (ids, starts, limit) => {
          const tenantId = newTenant();
          trace += 1;
          const spans = ids.map((spanId, n) =>
            spanOf(trace, n, { spanId, startTimeUnixNano: T0 + BigInt(starts[n] ?? 0) }),
          );
          await store.eventStore.storeEvents(
            spans.map((span) => createSpanEvent(span, 1n)),
            { tenantId },
          );
          const expected = spans
            .map(({ startTimeUnixNano, spanId }) => `${startTimeUnixNano} ${spanId}`)
            .sort();
          const pages = await spanPages(store.reads, tenantId, traceIdOf(trace), limit);
          expect(
            pages.flat().map(({ startTimeUnixNano, spanId }) => `${startTimeUnixNano} ${spanId}`),
          ).toEqual(expected);
          // None is empty, or smaller than asked for, but the last.
          expect(pages.map((page) => page.length)).toEqual(
            Array.from({ length: Math.ceil(ids.length / limit) }, (_, n) =>
              Math.min(limit, ids.length - n * limit),
            ),
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  it("reads a trace in several round trips, and goes on after a span whose id is no text", async () => {
    const tenantId = newTenant();
    const spans = Array.from({ length: 1_200 }, (_, n) =>
      spanOf(6, n, { spanId: (0xab_cd00 + n * 7).toString(16).padStart(16, "f") }),
    );
    await store.eventStore.storeEvents(
      spans.map((span) => createSpanEvent(span, 1n)),
      { tenantId },
    );
    await db.client.command({
      query:
        `INSERT INTO ${db.database}.spans SELECT * REPLACE (unhex('FF00FE') AS SpanId) ` +
        `FROM (SELECT * FROM ${db.database}.spans WHERE TenantId = {tenantId: String} AND SpanId = {spanId: String})`,
      query_params: { tenantId, spanId: spans[699]?.spanId ?? "" },
    });
    const pages = await spanPages(store.reads, tenantId, traceIdOf(6), 700);
    expect(pages.map((page) => page.length)).toEqual([700, 501]);
    expect(new Set(pages.flat().map(({ spanId }) => spanId)).size).toBe(1_201);
    expect(await spanPages(store.reads, tenantId, traceIdOf(6), 701)).toHaveLength(2);
    expect(await store.reads.getSpans(tenantId, traceIdOf(6))).toEqual(pages.flat());
  });

  it("fills pages of spans with many small values, which ClickHouse counts larger than their text", async () => {
    const tenantId = newTenant();
    const attributes = new Map(Array.from({ length: 40 }, (_, n) => [`k${n}`, `${n % 10}`]));
    const spans = Array.from({ length: 1_500 }, (_, n) => createSpanEvent(spanOf(12, n, { attributes }), 1n));
    await store.eventStore.storeEvents(spans, { tenantId });
    const reads = new TraceReadRepositoryClickHouse(db.client, {
      database: db.database,
      maxPageBytes: 300_000,
    });
    const pages = await spanPages(reads, tenantId, traceIdOf(12), 10_000);
    expect(pages.flat()).toHaveLength(1_500);
    expect(Math.min(...pages.slice(0, -1).map((page) => page.length))).toBeGreaterThan(250);
  });

  it("reads and decodes a page of many spans in steps", async () => {
    const tenantId = newTenant();
    const attributes = new Map(Array.from({ length: 20 }, (_, n) => [`key.${n}`, `value ${n}`]));
    const spans = Array.from({ length: 10_000 }, (_, n) =>
      createSpanEvent(spanOf(13, n, { attributes }), 1n),
    );
    await store.eventStore.storeEvents(spans, { tenantId });
    let isOver = false;
    let longest = 0;
    const watched = (async () => {
      for (let before = process.cpuUsage(); !isOver; before = process.cpuUsage()) {
        await nextTurn();
        const { user, system } = process.cpuUsage(before);
        longest = Math.max(longest, (user + system) / 1_000);
      }
    })();
    const page = await store.reads.getSpanPage(tenantId, traceIdOf(13), { limit: 10_000 });
    isOver = true;
    await watched;
    expect(page.items.length).toBeGreaterThan(5_000);
    // Milliseconds of CPU time. In one step it takes 800.
    expect(longest).toBeLessThan(300);
  });

  it("gives spans in order, each once, types kept; page by page the same", async () => {
    const tenantId = newTenant();
    const spans = [
      spanOf(7, 3, {
        attributes: new Map<string, OtlpSpan["attributes"] extends ReadonlyMap<string, infer V> ? V : never>([
          ["n", 9_007_199_254_740_993n],
          ["d", 1.5],
          ["z", new Map([["k", null]])],
        ]),
      }),
      spanOf(7, 1),
      spanOf(7, 2, { startTimeUnixNano: T0 + 1n }),
      spanOf(7, 3, { name: "replaced" }),
    ];
    await store.eventStore.storeEvents(
      spans.map((span, index) => createSpanEvent(span, BigInt(10 - index))),
      { tenantId },
    );
    const read = await store.reads.getSpans(tenantId, traceIdOf(7));
    expect(read.map(({ name }) => name)).toEqual(["span 1", "span 2", "span 3"]);
    expect(read[2]).toMatchObject({
      startTimeUnixNano: String(T0 + 3n),
      attributes: [
        { key: "n", value: { intValue: "9007199254740993" } },
        { key: "d", value: { doubleValue: 1.5 } },
        { key: "z", value: { kvlistValue: { values: [{ key: "k", value: {} }] } } },
      ],
      resource: { attributes: [{ key: "service.name", value: { stringValue: "app" } }, {}] },
    });
    expect((await spanPages(store.reads, tenantId, traceIdOf(7), 1)).flat()).toEqual(read);
    expect(await store.reads.getSpans(newTenant(), traceIdOf(7))).toEqual([]);
  });

  it("explains a trace of its tenant from what is stored, each span once", async () => {
    const tenantId = newTenant();
    const spans = [
      spanOf(8, 1, { parentSpanId: "", attributes: new Map([["session.id", "root's"]]) }),
      spanOf(8, 2, { attributes: new Map([["session.id", "before"]]) }),
      spanOf(8, 2, { attributes: new Map([["session.id", "sent again"]]) }),
    ];
    await store.eventStore.storeEvents(
      spans.map((span, index) => createSpanEvent(span, BigInt(index + 1))),
      { tenantId },
    );
    const [read, other] = await Promise.all([
      store.reads.explainTrace(tenantId, traceIdOf(8), { candidates: 1 }),
      store.reads.explainTrace(newTenant(), traceIdOf(8)),
    ]);
    expect(other).toEqual({ status: "absent" });
    if (read.status !== "explained") throw new Error(read.status);
    expect(read.explanation).toMatchObject({ traceId: traceIdOf(8), spanCount: 2 });
    const session = read.explanation.fields.find(({ field }) => field === "sessionId");
    expect(session).toMatchObject({
      value: "root's",
      winner: { spanName: "span 1", key: "session.id" },
      losers: [{ spanName: "span 2", value: "sent again", reason: "not-root" }],
      moreLosers: 0,
    });
  });

  it("says of a trace that is too large to explain how large it is, and explains the next", async () => {
    const tenantId = newTenant();
    const reads = new TraceReadRepositoryClickHouse(db.client, {
      database: db.database,
      explainLimits: { spans: 2, bytes: 10_000 },
    });
    const long = { attributes: new Map([["long", "x".repeat(10_000)]]) };
    const spans = [
      spanOf(9, 1),
      spanOf(9, 2),
      spanOf(9, 3),
      spanOf(10, 1, long),
      spanOf(11, 1),
      spanOf(11, 2),
    ];
    await store.eventStore.storeEvents(
      spans.map((span, index) => createSpanEvent(span, BigInt(index + 1))),
      { tenantId },
    );
    const [many, large, small] = await Promise.all(
      [9, 10, 11].map((trace) => reads.explainTrace(tenantId, traceIdOf(trace))),
    );
    expect(many).toMatchObject({ status: "too-large", spanCount: 3 });
    expect(large).toMatchObject({ status: "too-large", spanCount: 1 });
    expect(small).toMatchObject({ status: "explained", explanation: { spanCount: 2 } });
  });
});

describe("explanations in line", () => {
  const small = traceIdOf(20);
  const large = traceIdOf(21);
  const [greedy, modest] = [newTenant(), newTenant()];
  beforeAll(async () => {
    const spans = Array.from({ length: 800 }, (_, n) => createSpanEvent(spanOf(21, n), 1n));
    await store.eventStore.storeEvents(spans, { tenantId: greedy });
    await store.eventStore.storeEvents([createSpanEvent(spanOf(20, 1), 1n)], { tenantId: modest });
  });

  it("of one tenant do not keep another's waiting", async () => {
    let explained = 0;
    const many = Array.from({ length: 6 }, () =>
      store.reads.explainTrace(greedy, large).then(() => {
        explained += 1;
      }),
    );
    expect(await store.reads.explainTrace(modest, small)).toMatchObject({ status: "explained" });
    expect(explained).toBeLessThanOrEqual(1);
    await Promise.all(many);
  });

  it("end when nobody waits for them any more, and so do other reads", async () => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const many = [
      ...Array.from({ length: 6 }, () => store.reads.explainTrace(greedy, large, { signal })),
      store.reads.getSpans(greedy, large, { signal }),
      store.reads.getSpanPage(greedy, large, { signal }),
      store.reads.listTraces({ tenantId: greedy, signal }),
    ].map((read) =>
      read.then(
        () => "read",
        (error: EventSourcingError) => error.code,
      ),
    );
    await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    expect(await Promise.all(many)).toEqual(Array(9).fill("ABORTED"));
    expect(await store.reads.explainTrace(greedy, large)).toMatchObject({ status: "explained" });
  });
});

describe("traceLagSourceClickHouse", () => {
  it("finds the traces whose projection has not seen all spans, and none once they are rebuilt", async () => {
    const tenantId = newTenant();
    const queue = new RecordingQueue();
    const repository = new SpanIngestionWriteRepositoryClickHouse({ eventStore: store.eventStore, queue });
    await repository.storeSpans([spanOf(1, 1), spanOf(2, 1), spanOf(3, 1)], { tenantId });
    for (const n of [2, 3]) await rebuild(tenantId, traceIdOf(n));
    // One more span, and one that replaces another: both are news.
    await repository.storeSpans([spanOf(2, 2), spanOf(3, 1)], { tenantId });
    const lagging = async () => {
      const { items } = await store.lag.listLagging({ acceptedWithinMs: 3_600_000 });
      return items
        .filter((item) => item.tenantId === tenantId)
        .map((item) => [item.aggregateId, item.storedEvents, item.projectedEvents]);
    };
    const expected = [
      [traceIdOf(1), 1, 0],
      [traceIdOf(2), 2, 1],
      [traceIdOf(3), 1, 1],
    ];
    expect(await lagging()).toEqual(expected);
    await db.optimize("spans");
    expect(await lagging()).toEqual(expected);
    for (const n of [1, 2, 3]) await rebuild(tenantId, traceIdOf(n));
    expect(await lagging()).toEqual([]);
  });
});
