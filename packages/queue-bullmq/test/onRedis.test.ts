import { aggregateRefKey, parseTenantId } from "@es/core";
import { RunGate, RunRecorder } from "@es/testkit";
import { Redis } from "ioredis";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import {
  ProjectionQueueBullMQ,
  type ProjectionQueueBullMQOptions,
  ProjectionWorkerBullMQ,
  type ProjectionWorkerBullMQOptions,
} from "../src/index.js";
import { redisUrl, uniquePrefix } from "./redis.js";

const waiting = { timeout: 20_000, interval: 5 };

function ref(aggregateId: string, tenantId = "acme") {
  return { tenantId: parseTenantId(tenantId), aggregateId };
}

const refsUpTo = (count: number) => Array.from({ length: count }, (_, index) => ref(`${index}`));

describe("what the queue keeps in Redis", () => {
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
    const work = (recorder: RunRecorder, workerOptions: Partial<ProjectionWorkerBullMQOptions> = {}) => {
      const worker = new ProjectionWorkerBullMQ({
        connection: redisUrl(),
        prefix,
        run: recorder.run,
        limiter: null,
        concurrency: 4,
        ...workerOptions,
      });
      open.push(worker);
      return worker;
    };
    const keysOf = async () => (await redis.keys(`${prefix}:*`)).map((key) => key.slice(prefix.length + 1));
    return { prefix, queue, work, keysOf };
  }

  const counts = (queue: ProjectionQueueBullMQ, expected: object) =>
    vi.waitFor(async () => expect(await queue.counts()).toMatchObject(expected), waiting);

  it("deduplicates by {tenantId}:{aggregateId}, and carries ids only", async () => {
    const { prefix, queue, keysOf } = setUp();
    await queue.schedule([ref("trace-1")]);
    expect(await keysOf()).toContain(`projections:de:${aggregateRefKey(ref("trace-1"))}`);
    const jobId = await redis.get(`${prefix}:projections:de:acme:trace-1`);
    const data = await redis.hget(`${prefix}:projections:${jobId}`, "data");
    expect(JSON.parse(data ?? "")).toEqual({ tenantId: "acme", aggregateId: "trace-1" });
  });

  it("keeps keys short whatever the ids", async () => {
    const { queue, keysOf } = setUp();
    await queue.schedule([ref("x".repeat(16_000)), ref(`${"x".repeat(15_999)}y`)]);
    expect((await queue.counts()).pending).toBe(2);
    for (const key of await keysOf()) expect(key.length).toBeLessThan(600);
  });

  it("keeps nothing of jobs that are done, and of healed dead letters", async () => {
    const { queue, work, keysOf } = setUp({ attempts: 1, removeOnFail: true });
    await queue.schedule([ref("before")]);
    const fresh = new RunRecorder();
    const recorder = new RunRecorder(() => {
      throw new Error("no");
    });
    work(recorder);
    await counts(queue, { pending: 0, active: 0, deadLetters: 1 });
    recorder.behave(fresh.run);
    await queue.schedule([ref("before"), ref("a"), ref("b", "beta")]);
    await vi.waitFor(() => expect(fresh.finished).toHaveLength(3), waiting);
    await counts(queue, { pending: 0, active: 0, deadLetters: 0 });
    const left = (await keysOf()).filter(
      (key) => !/^projections:(id|meta|events|marker|stalled(-check)?|turns:(clock|next))$/.test(key),
    );
    expect(left).toEqual([]);
  });

  it("starts 10 runs a second by default", async () => {
    const { prefix, queue } = setUp();
    const recorder = new RunRecorder();
    await queue.schedule(Array.from({ length: 11 }, (_, index) => ref(`${index}`)));
    const before = Date.now();
    const worker = new ProjectionWorkerBullMQ({
      connection: redisUrl(),
      prefix,
      run: recorder.run,
      concurrency: 100,
    });
    open.push(worker);
    await vi.waitFor(() => expect(recorder.started).toHaveLength(11), waiting);
    expect((recorder.started[10]?.startedAt ?? 0) - before).toBeGreaterThanOrEqual(990);
  });

  it("waits the quiet window, and tries three times from 2 s, by default", async () => {
    const prefix = uniquePrefix();
    const queue = new ProjectionQueueBullMQ({ connection: redisUrl(), prefix });
    open.push(queue);
    await queue.schedule([ref("a")]);
    const [id] = await redis.zrangebyscore(`${prefix}:projections:delayed`, "-inf", "+inf");
    expect(await redis.hget(`${prefix}:projections:${id}`, "delay")).toBe("200");
    expect(JSON.parse((await redis.hget(`${prefix}:projections:${id}`, "opts")) ?? "")).toMatchObject({
      attempts: 3,
      backoff: { type: "exponential", delay: 2_000 },
    });
  });

  it("renews the lock of a run that takes longer than it", async () => {
    const { queue, work } = setUp();
    const gate = new RunGate();
    const recorder = new RunRecorder(gate.hold);
    const locks = { lockDurationMs: 300, stalledIntervalMs: 50 };
    work(recorder, locks);
    work(recorder, locks);
    await queue.schedule([ref("slow")]);
    await vi.waitFor(() => expect(recorder.active).toBe(1), waiting);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    gate.release(ref("slow"));
    await counts(queue, { pending: 0, active: 0 });
    expect(recorder.started).toHaveLength(1);
  });

  it("takes errors for errors, also those whose name or message means something to BullMQ", async () => {
    const { queue, work } = setUp({ attempts: 2, backoffMs: 1 });
    const recorder = new RunRecorder(({ aggregateId }) => {
      const error = new Error(aggregateId === "limit" ? "bullmq:rateLimitExceeded" : "x");
      if (aggregateId !== "limit") error.name = aggregateId;
      throw error;
    });
    work(recorder);
    const names = ["DelayedError", "WaitingError", "WaitingChildrenError", "UnrecoverableError", "limit"];
    await queue.schedule(names.map((name) => ref(name)));
    await counts(queue, { pending: 0, active: 0, deadLetters: 5 });
    expect(recorder.started).toHaveLength(10);
  });

  it("does not remove a letter that was replaced while it was redriven", async () => {
    const { queue, work } = setUp({ attempts: 1 });
    const gate = new RunGate();
    const recorder = new RunRecorder(() => {
      throw new Error("first");
    });
    work(recorder);
    await queue.schedule([ref("a")]);
    await counts(queue, { active: 0, deadLetters: 1 });
    recorder.behave(gate.hold);
    await queue.schedule([ref("a")]);
    await vi.waitFor(() => expect(gate.holds(ref("a"))).toBe(true), waiting);
    // The redrive joins the calls that follow the active run, which then fails anew.
    expect(await queue.deadLetters.redrive()).toBe(1);
    gate.release(ref("a"), new Error("second"));
    await vi.waitFor(() => expect(gate.holds(ref("a"))).toBe(true), waiting);
    expect((await queue.deadLetters.list()).items).toMatchObject([{ reason: "second" }]);
    gate.release(ref("a"));
    await counts(queue, { active: 0, deadLetters: 0 });
  });

  it("makes one job for each ref of many small calls at once, each with its own delay", async () => {
    const { prefix, queue } = setUp();
    const names = Array.from({ length: 120 }, (_, index) => `${index % 60}`);
    await Promise.all([
      ...names.map((name) => queue.schedule([ref(name)])),
      ...names.map((name) => queue.schedule([ref(name, "later")], { delayMs: 60_000 })),
    ]);
    expect((await queue.counts()).pending).toBe(120);
    expect(await redis.zcard(`${prefix}:projections:delayed`)).toBe(60);
  });

  it("schedules what it was asked for before it closes", async () => {
    const { prefix, queue } = setUp();
    const calls = [queue.schedule([ref("small")]), queue.schedule(refsUpTo(120))];
    await Promise.all([queue.close(), ...calls]);
    expect(await setUp({ prefix }).queue.counts()).toMatchObject({ pending: 121 });
    await expect(queue.schedule([ref("after")])).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("finds the runs another process left, with the same letters and counts", async () => {
    const { prefix, queue, work } = setUp({ attempts: 1 });
    const recorder = new RunRecorder(({ aggregateId }) => {
      if (aggregateId === "bad") throw new Error("no");
    });
    const worker = work(recorder);
    await queue.schedule([ref("bad")]);
    await counts(queue, { active: 0, deadLetters: 1 });
    await worker.close();
    await queue.schedule([ref("later")]);
    await queue.close();
    const next = setUp({ prefix });
    expect(await next.queue.counts()).toEqual({ pending: 1, active: 0, deadLetters: 1 });
    next.work(recorder);
    await vi.waitFor(() => expect(recorder.finished).toMatchObject([{ aggregateId: "later" }]), waiting);
  });

  it.each([{ attempts: 0 }, { backoffMs: -1 }, { delayMs: 0.5 }, { timeoutMs: 0 }, { maxInFlight: 0 }])(
    "refuses the queue options %j",
    (options) => {
      expect(() => new ProjectionQueueBullMQ({ connection: redisUrl(), ...options })).toThrow(
        expect.objectContaining({ code: "INVALID_OPTIONS" }),
      );
    },
  );

  it.each([
    { concurrency: 0 },
    { limiter: { max: 0, durationMs: 1 } },
    { lockDurationMs: 0 },
    { stalledIntervalMs: -1 },
    { maxStalledCount: -1 },
  ])("refuses the worker options %j", (options) => {
    expect(
      () => new ProjectionWorkerBullMQ({ connection: redisUrl(), run: async () => undefined, ...options }),
    ).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  });
});
