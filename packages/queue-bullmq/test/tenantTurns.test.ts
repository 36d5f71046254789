import { parseTenantId } from "@es/core";
import { RunGate, RunRecorder } from "@es/testkit";
import { Redis } from "ioredis";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import {
  ProjectionQueueBullMQ,
  type ProjectionQueueBullMQOptions,
  ProjectionWorkerBullMQ,
} from "../src/index.js";
import { redisUrl, uniquePrefix } from "./redis.js";

const waiting = { timeout: 20_000, interval: 5 };

function ref(aggregateId: string, tenantId = "acme") {
  return { tenantId: parseTenantId(tenantId), aggregateId };
}

const refsOf = (tenant: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ref(`${from + index}`, tenant));

describe("turns of tenants in Redis", () => {
  const redis = new Redis(redisUrl());
  const open: { close(): Promise<void> }[] = [];

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });
  afterAll(() => redis.disconnect());

  function setUp(options: Partial<ProjectionQueueBullMQOptions> = {}) {
    const prefix = options.prefix ?? uniquePrefix();
    const queue = new ProjectionQueueBullMQ({ connection: redisUrl(), delayMs: 0, ...options, prefix });
    open.push(queue);
    const work = (recorder: RunRecorder, concurrency = 1) => {
      const connection = redisUrl();
      const { run } = recorder;
      const worker = new ProjectionWorkerBullMQ({ connection, prefix, run, limiter: null, concurrency });
      open.push(worker);
      return worker;
    };
    const key = (name: string) => `${prefix}:projections:${name}`;
    const priorityOf = async (tenant: string, aggregateId: string) => {
      const jobId = await redis.get(key(`de:${tenant}:${aggregateId}`));
      return Number(await redis.hget(key(jobId ?? ""), "priority"));
    };
    const clock = async () => Number((await redis.get(key("turns:clock"))) ?? 0);
    return { prefix, queue, work, key, priorityOf, clock };
  }

  const namesOf = (recorder: RunRecorder) =>
    recorder.finished.map(({ tenantId, aggregateId }) => `${tenantId}/${aggregateId}`);
  const idle = (queue: ProjectionQueueBullMQ) =>
    vi.waitFor(async () => expect(await queue.counts()).toMatchObject({ pending: 0, active: 0 }), waiting);

  it("a call that joins a waiting run costs none", async () => {
    const { queue, priorityOf } = setUp();
    for (let call = 0; call < 20; call++) await queue.schedule([ref("hot"), ref("hot")]);
    await queue.schedule([ref("next")]);
    expect([await priorityOf("acme", "hot"), await priorityOf("acme", "next")]).toEqual([1, 2]);
  });

  it("the run that follows an active one costs one, however many calls it serves", async () => {
    const { queue, work, priorityOf } = setUp();
    const gate = new RunGate();
    const recorder = new RunRecorder(gate.hold);
    work(recorder, 1);
    await queue.schedule([ref("hot")]);
    await vi.waitFor(() => expect(gate.holds(ref("hot"))).toBe(true), waiting);
    for (let call = 0; call < 20; call++) await queue.schedule([ref("hot")]);
    await queue.schedule([ref("next")]);
    await queue.schedule([ref("late")]);
    expect([await priorityOf("acme", "next"), await priorityOf("acme", "late")]).toEqual([3, 4]);
    recorder.behave(() => undefined);
    gate.releaseAll();
    await idle(queue);
    expect(recorder.started.map((run) => run.ref.aggregateId)).toEqual(["hot", "hot", "next", "late"]);
  });

  it("are the same for all producers of a queue", async () => {
    const { prefix, queue, work } = setUp();
    const others = [setUp({ prefix }).queue, setUp({ prefix }).queue];
    for (const [index, producer] of [queue, ...others].entries()) {
      await producer.schedule(refsOf("huge", index * 50, index * 50 + 50));
    }
    await queue.schedule(refsOf("quiet", 0, 2));
    const recorder = new RunRecorder();
    work(recorder);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(152), waiting);
    expect(namesOf(recorder).slice(0, 4)).toEqual(["huge/0", "quiet/0", "huge/1", "quiet/1"]);
  });

  it("do not hold past use of a queue that had room against anybody", async () => {
    const { queue, work, clock } = setUp();
    const recorder = new RunRecorder();
    const worker = work(recorder, 10);
    await queue.schedule(refsOf("busy", 0, 300));
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(300), waiting);
    await vi.waitFor(async () => expect(await clock()).toBe(299), waiting);
    await worker.close();
    await queue.schedule(refsOf("busy", 300, 310));
    await queue.schedule(refsOf("new", 0, 10));
    const next = new RunRecorder();
    work(next);
    await vi.waitFor(() => expect(next.finished).toHaveLength(20), waiting);
    const firstTen = namesOf(next).slice(0, 10);
    expect(firstTen.filter((name) => name.startsWith("busy"))).toHaveLength(5);
  });

  it("keep little of tenants that come and go", async () => {
    const { queue, work, key, clock } = setUp();
    const recorder = new RunRecorder();
    work(recorder, 20);
    await queue.schedule(Array.from({ length: 200 }, (_, index) => ref("a", `tenant-${index}`)));
    await queue.schedule(refsOf("last", 0, 3));
    await idle(queue);
    await vi.waitFor(async () => expect(await clock()).toBe(2), waiting);
    expect(await redis.zrange(key("turns:next"), "0", "-1")).toEqual(["last"]);
    expect(await redis.ttl(key("turns:next"))).toBeGreaterThan(0);
  });

  it("go on in order when BullMQ's priorities run out", async () => {
    const { queue, work, key, clock } = setUp();
    const eraEnds = 2 ** 20;
    await redis.set(key("turns:clock"), String(eraEnds - 5));
    await queue.schedule(refsOf("huge", 0, 40));
    const recorder = new RunRecorder();
    work(recorder);
    await vi.waitFor(async () => expect(await clock()).toBe(eraEnds + 34), waiting);
    await idle(queue);
    expect(namesOf(recorder)).toEqual(refsOf("huge", 0, 40).map((of) => `huge/${of.aggregateId}`));
  });

  it("bring what is left from the era before to where it belongs", async () => {
    const { queue, work, key } = setUp();
    const eraEnds = 2 ** 20;
    // Five are overdue when the next era begins, the rest is still to come.
    await redis.set(key("turns:clock"), String(eraEnds - 5));
    await queue.schedule(refsOf("huge", 0, 40));
    await redis.set(key("turns:clock"), String(eraEnds + 3));
    await queue.schedule(refsOf("quiet", 0, 2));
    const recorder = new RunRecorder();
    work(recorder);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(42), waiting);
    const names = namesOf(recorder);
    expect(names.filter((name) => name.startsWith("huge"))).toEqual(
      refsOf("huge", 0, 40).map((of) => `huge/${of.aggregateId}`),
    );
    expect([names.indexOf("quiet/0"), names.indexOf("quiet/1")]).toEqual([9, 11]);
  });

  it("end at a horizon, behind which a tenant's runs keep their order", async () => {
    const { queue, work, key } = setUp();
    const horizon = 2 ** 19;
    await redis.zadd(key("turns:next"), String(horizon - 3), "huge");
    await queue.schedule(refsOf("huge", 0, 20));
    await queue.schedule(refsOf("quiet", 0, 3));
    const highest = await redis.zrange(key("prioritized"), "-1", "-1", "WITHSCORES");
    expect(Math.floor(Number(highest[1]) / 2 ** 32)).toBe(horizon + 1);
    const recorder = new RunRecorder();
    work(recorder);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(23), waiting);
    expect(namesOf(recorder)).toEqual(
      [...refsOf("quiet", 0, 3), ...refsOf("huge", 0, 20)].map((of) => `${of.tenantId}/${of.aggregateId}`),
    );
  });

  it("are kept by a run that is tried again, or given back by a worker that closes", async () => {
    const { queue, work } = setUp({ attempts: 2, backoffMs: 1 });
    await queue.schedule(refsOf("huge", 0, 30));
    const gate = new RunGate();
    const recorder = new RunRecorder((of, context) => {
      if (of.aggregateId === "0" && context.attempt === 1) throw new Error("not yet");
      return gate.hold(of, context);
    });
    const worker = work(recorder);
    await vi.waitFor(() => expect(recorder.active).toBe(1), waiting);
    recorder.behave((_, { signal }) => signal.throwIfAborted());
    const closing = worker.close({ drainTimeoutMs: 0 });
    for (const run of recorder.started.slice(-1)) gate.release(run.ref, new Error("aborted"));
    await closing;
    const next = new RunRecorder();
    work(next);
    await vi.waitFor(() => expect(next.finished).toHaveLength(30), waiting);
    const order = next.finished.map(({ aggregateId }) => Number(aggregateId));
    expect([...order.slice(2)]).toEqual(Array.from({ length: 28 }, (_, index) => index + 2));
  });

  it("can be turned off: first come, first served, at no cost", async () => {
    const { queue, work, key } = setUp({ fairness: null });
    await queue.schedule(refsOf("huge", 0, 50));
    await queue.schedule(refsOf("quiet", 0, 1));
    expect(await redis.exists(key("turns:next"))).toBe(0);
    const recorder = new RunRecorder();
    work(recorder);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(51), waiting);
    expect(namesOf(recorder).at(-1)).toBe("quiet/0");
    expect(await redis.exists(key("turns:clock"))).toBe(0);
  });
});
