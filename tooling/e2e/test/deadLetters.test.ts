import { randomUUID } from "node:crypto";
import { createClient } from "@clickhouse/client";
import { createEventSourcingPipeline, type Event, type EventHandler, parseTenantId } from "@es/core";
import {
  createProjectionConsumer,
  type ProjectionQueue,
  type ProjectionWorker,
  type ReconciledQueue,
  scheduleLagging,
} from "@es/processing";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "@es/queue-bullmq";
import { ProjectionQueueMemory } from "@es/queue-memory";
import {
  EventStoreClickHouse,
  LagSourceClickHouse,
  migrate,
  ProjectionStoreClickHouse,
  projectionsTable,
  storeClickHouseMigrations,
} from "@es/store-clickhouse";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";

type Span = Event<"span", { readonly name: string }>;
interface Names {
  readonly names: readonly string[];
}

const waiting = { timeout: 50_000, interval: 10 };
const database = `dead_letters_${randomUUID().replaceAll("-", "")}`;
const client = createClient({ url: process.env.CLICKHOUSE_URL ?? "" });
const eventStore = new EventStoreClickHouse<Span>(client, { database });
const projectionStore = new ProjectionStoreClickHouse<Names>(client, { database });

beforeAll(async () => {
  await migrate(client, { database, migrations: [storeClickHouseMigrations] });
});
afterAll(async () => {
  await client.command({ query: `DROP DATABASE ${database}` });
  await client.close();
});

interface Timing {
  readonly attempts: number;
  readonly backoffMs: number;
}

interface Work {
  readonly queue: ProjectionQueue;
  readonly worker: ProjectionWorker;
}

type Run = ReturnType<typeof createProjectionConsumer>;
const CONCURRENCY = 8;

const queues: Readonly<Record<string, (run: Run, timing: Timing) => Work>> = {
  memory(run, timing) {
    const queue = new ProjectionQueueMemory({ ...timing, delayMs: 0, limiter: null });
    return { queue, worker: queue.work(run, { concurrency: CONCURRENCY }) };
  },
  BullMQ(run, timing) {
    const place = { connection: process.env.REDIS_URL ?? "", prefix: `{${randomUUID()}}` };
    const queue = new ProjectionQueueBullMQ({ ...place, ...timing, delayMs: 0, timeoutMs: 20_000 });
    const worker = new ProjectionWorkerBullMQ({ ...place, run, concurrency: CONCURRENCY, limiter: null });
    return { queue, worker };
  },
};

describe.each(Object.keys(queues))("one bad trace among hundreds, on ClickHouse and a %s queue", (kind) => {
  const open: Work[] = [];

  afterEach(async () => {
    for (const { queue, worker } of open.splice(0)) {
      await worker.close({ drainTimeoutMs: 0 });
      await queue.close();
    }
  });

  /** 300 good traces, one whose handler throws while `broken`, one with a row that cannot be decoded; 3 spans each. */
  async function setUp(timing: Timing) {
    const tenantId = parseTenantId(`tenant-${randomUUID()}`);
    const context = { tenantId };
    let accepted = 0n;
    const span = (aggregateId: string, id: string): Span => {
      accepted++;
      return {
        id,
        aggregateId,
        type: "span",
        occurredAt: accepted,
        acceptedAt: accepted,
        data: { name: id },
      };
    };
    const good = Array.from({ length: 300 }, (_, index) => `good-${index}`);
    const traces = [...good.slice(0, 150), "throws", "undecodable", ...good.slice(150)];
    await eventStore.storeEvents(
      traces.flatMap((trace) => ["a", "b", "c"].map((id) => span(trace, id))),
      context,
    );
    await client.insert({
      table: `${database}.events`,
      values: [
        {
          TenantId: tenantId,
          AggregateId: "undecodable",
          EventId: "planted",
          Type: "span",
          Data: "{oops",
        },
      ],
      format: "JSONEachRow",
    });

    let broken = true;
    const eventHandler: EventHandler<string, Span, Names> = {
      handle({ aggregateId, events }) {
        if (broken && aggregateId === "throws") throw new Error("no model for this trace");
        return { names: events.map(({ data }) => data.name) };
      },
    };
    const { service } = createEventSourcingPipeline({ eventStore, projectionStore, eventHandler });
    const work = queues[kind]?.(createProjectionConsumer(service), timing);
    if (work === undefined) throw new Error(`There is no queue ${kind}.`);
    open.push(work);
    const { queue } = work;
    const ref = (aggregateId: string) => ({ tenantId, aggregateId });
    const projected = async (ids: readonly string[]) => {
      const reads = await Promise.all(ids.map((id) => projectionStore.getProjection(id, context)));
      return reads.map((read) =>
        read.status === "found" ? read.record.projection.names.join("") : read.status,
      );
    };
    const counts = (expected: object) =>
      vi.waitFor(async () => expect(await queue.counts()).toEqual(expected), waiting);
    const repair = () => {
      broken = false;
    };
    return { queue, traces, good, ref, span, context, projected, counts, repair };
  }

  const parked = { pending: 0, active: 0, deadLetters: 2 };
  const healed = { pending: 0, active: 0, deadLetters: 0 };

  it("the others are projected while it waits for its next try", async () => {
    const { queue, traces, good, ref, projected, counts } = await setUp({
      attempts: 3,
      backoffMs: 3_600_000,
    });
    await queue.schedule(traces.map(ref));
    await counts({ pending: 2, active: 0, deadLetters: 0 });
    expect(await projected(good)).toEqual(good.map(() => "abc"));
    expect(await projected(["throws", "undecodable"])).toEqual(["absent", "absent"]);
  });

  it("it is parked after its tries, with what is known of it, and redriven once the cause is gone", async () => {
    const { queue, traces, good, ref, span, context, projected, counts, repair } = await setUp({
      attempts: 3,
      backoffMs: 10,
    });
    await queue.schedule(traces.map(ref));
    await counts(parked);
    expect(await projected(good)).toEqual(good.map(() => "abc"));
    expect(
      await queue.deadLetters.findByRefs([ref("throws"), ref("good-1"), ref("undecodable")]),
    ).toMatchObject([
      {
        errorClass: "poison",
        code: "HANDLER_FAILED",
        reason: expect.stringContaining("no model for this trace"),
        attempts: 3,
        eventCount: 3,
      },
      null,
      {
        errorClass: "poison",
        code: "EVENT_UNDECODABLE",
        reason: expect.stringContaining('"planted"'),
        attempts: 3,
        eventCount: 4,
      },
    ]);

    // With the cause in place it ends where it was.
    expect(await queue.deadLetters.redrive({}, { ratePerSecond: 50 })).toBe(2);
    await counts(parked);

    repair();
    await eventStore.storeEvents([span("undecodable", "planted")], context);
    expect(await queue.deadLetters.redrive({}, { ratePerSecond: 50 })).toBe(2);
    await counts(healed);
    expect(await projected(["throws", "undecodable"])).toEqual(["abc", "abcplanted"]);
  });

  it("the reconciler leaves it alone until there is more of it, and finds it when the queue forgot", async () => {
    const { queue, ref, span, context, projected, counts, repair } = await setUp({
      attempts: 1,
      backoffMs: 1,
    });
    // All tenants of the other tests lag, too.
    const look = async () => {
      const scheduled: string[] = [];
      const mine: ReconciledQueue = {
        deadLetters: queue.deadLetters,
        async schedule(refs) {
          const ours = refs.filter(({ tenantId }) => tenantId === context.tenantId);
          scheduled.push(...ours.map(({ aggregateId }) => aggregateId));
          await queue.schedule(ours);
        },
      };
      const source = new LagSourceClickHouse(client, { database, projectionTable: projectionsTable() });
      await scheduleLagging(source, mine);
      return scheduled.toSorted();
    };
    expect(await look()).toHaveLength(302);
    await counts(parked);
    expect(await look()).toEqual([]);

    // A span that is stored, and whose schedule call is lost.
    await eventStore.storeEvents([span("throws", "d")], context);
    expect(await look()).toEqual(["throws"]);
    await counts(parked);
    expect(await queue.deadLetters.findByRefs([ref("throws")])).toMatchObject([{ eventCount: 4 }]);
    expect(await look()).toEqual([]);

    await queue.deadLetters.discard();
    expect(await look()).toEqual(["throws", "undecodable"]);
    await counts(parked);

    repair();
    await eventStore.storeEvents([span("throws", "e")], context);
    expect(await look()).toEqual(["throws"]);
    await counts({ ...parked, deadLetters: 1 });
    expect(await projected(["throws"])).toEqual(["abcde"]);
  });

  it("it heals by itself with its next span", async () => {
    const { queue, ref, span, context, projected, counts, repair } = await setUp({
      attempts: 1,
      backoffMs: 1,
    });
    await queue.schedule([ref("throws"), ref("undecodable")]);
    await counts(parked);
    repair();
    await eventStore.storeEvents([span("throws", "d"), span("undecodable", "planted")], context);
    await queue.schedule([ref("throws"), ref("undecodable")]);
    await counts(healed);
    expect(await projected(["throws", "undecodable"])).toEqual(["abcd", "abcplanted"]);
  });
});
