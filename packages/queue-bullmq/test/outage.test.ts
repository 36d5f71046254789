import { EventSourcingError, parseTenantId } from "@es/core";
import { RunGate, RunRecorder } from "@es/testkit";
import { Cluster, Redis } from "ioredis";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ, type RedisClientOptions } from "../src/index.js";
import { OwnRedis } from "./ownRedis.js";

const waiting = { timeout: 20_000, interval: 5 };

function ref(aggregateId: string) {
  return { tenantId: parseTenantId("acme"), aggregateId };
}

// An error event without a listener, or a rejection nobody handles, fails the run of this file.
describe("without a Redis that answers", () => {
  const cleanUps: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  async function setUp(options: { readonly started: boolean; readonly timeoutMs?: number }) {
    const redis = await OwnRedis.make();
    cleanUps.push(() => redis.dispose());
    if (options.started) await redis.start();
    const errors: Error[] = [];
    const onError = (error: Error) => errors.push(error);
    const queue = new ProjectionQueueBullMQ({
      connection: redis.url,
      delayMs: 0,
      timeoutMs: options.timeoutMs ?? 10_000,
      onError,
    });
    cleanUps.push(() => queue.close());
    const work = (recorder: RunRecorder) => {
      const worker = new ProjectionWorkerBullMQ({
        connection: redis.url,
        run: recorder.run,
        concurrency: 4,
        limiter: null,
        lockDurationMs: 1_000,
        stalledIntervalMs: 200,
        onError,
      });
      cleanUps.push(() => worker.close({ drainTimeoutMs: 0 }));
      return worker;
    };
    const schedules = () =>
      vi.waitFor(async () => {
        await queue.schedule([ref("after")]);
      }, waiting);
    return { redis, queue, work, errors, schedules };
  }

  it("every call fails with QUEUE_UNAVAILABLE; queue and worker find Redis once it is there", async () => {
    const { redis, queue, work, errors, schedules } = await setUp({ started: false });
    const recorder = new RunRecorder();
    work(recorder);
    const unavailable = { code: "QUEUE_UNAVAILABLE", retryable: true };
    await expect(queue.schedule([ref("a")])).rejects.toMatchObject(unavailable);
    await expect(queue.counts()).rejects.toMatchObject(unavailable);
    await expect(queue.deadLetters.list()).rejects.toMatchObject(unavailable);
    await expect(queue.deadLetters.redrive()).rejects.toMatchObject(unavailable);
    expect(errors.length).toBeGreaterThan(0);

    await redis.start();
    await schedules();
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(1), waiting);
  });

  it("is all right again after Redis was killed with all its data in the middle of a run", async () => {
    const { redis, queue, work, schedules } = await setUp({ started: true });
    const gate = new RunGate();
    const recorder = new RunRecorder(gate.hold);
    work(recorder);
    await queue.schedule([ref("during"), ref("after")]);
    await vi.waitFor(() => expect(recorder.active).toBe(2), waiting);
    await redis.kill();
    await expect(
      vi.waitFor(async () => {
        // Until the loss is noticed a call may still be on its way.
        await expect(queue.schedule([ref("lost")])).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
      }, waiting),
    ).resolves.toBeUndefined();

    await redis.start();
    recorder.behave(() => undefined);
    gate.releaseAll();
    await schedules();
    await vi.waitFor(() => expect(recorder.startsOf(ref("after")).length).toBeGreaterThan(1), waiting);
    await vi.waitFor(
      async () => expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 }),
      waiting,
    );
  });

  it("is all right again after FLUSHALL, with a follow-up due and a dead letter lost", async () => {
    const { redis, queue, work } = await setUp({ started: true });
    const gate = new RunGate();
    const recorder = new RunRecorder(gate.hold);
    work(recorder);
    await queue.schedule([ref("a"), ref("b")]);
    await vi.waitFor(() => expect(recorder.active).toBe(2), waiting);
    await queue.schedule([ref("a")]);
    const admin = new Redis(redis.url);
    await admin.flushall();
    admin.disconnect();
    await queue.schedule([ref("b"), ref("c")]);
    recorder.behave(() => undefined);
    gate.releaseAll();
    await vi.waitFor(() => {
      expect(recorder.startsOf(ref("b")).length).toBe(2);
      expect(recorder.startsOf(ref("c")).length).toBe(1);
    }, waiting);
    await queue.schedule([ref("a")]);
    await vi.waitFor(() => expect(recorder.startsOf(ref("a")).length).toBe(2), waiting);
    await vi.waitFor(
      async () => expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 }),
      waiting,
    );
  });

  it("parks again what it forgot it had parked, and goes on taking turns", async () => {
    const { redis, queue, work } = await setUp({ started: true });
    const recorder = new RunRecorder(() => {
      throw new EventSourcingError("STORE_REJECTED", "no");
    });
    work(recorder);
    const counts = (expected: object) =>
      vi.waitFor(async () => expect(await queue.counts()).toEqual(expected), waiting);
    await queue.schedule([ref("a"), ref("b")]);
    await counts({ pending: 0, active: 0, deadLetters: 2 });
    const admin = new Redis(redis.url);
    await admin.flushall();
    admin.disconnect();
    await counts({ pending: 0, active: 0, deadLetters: 0 });
    expect(await queue.deadLetters.findByRefs([ref("a"), ref("b")])).toEqual([null, null]);
    // As the reconciler does.
    await queue.schedule([ref("a"), ref("b")]);
    await counts({ pending: 0, active: 0, deadLetters: 2 });
    expect((await queue.deadLetters.findByRefs([ref("b")]))[0]).toMatchObject({ ref: ref("b"), attempts: 1 });
  });

  it("a Redis that accepts but does not answer holds no call longer than the timeout", async () => {
    const { redis, queue, work, schedules } = await setUp({ started: true, timeoutMs: 100 });
    const recorder = new RunRecorder();
    work(recorder);
    await schedules();
    redis.freeze();
    await expect(queue.schedule([ref("a")])).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
    await expect(queue.counts()).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
    redis.thaw();
    await schedules();
    await vi.waitFor(() => expect(recorder.startsOf(ref("after")).length).toBeGreaterThan(0), waiting);
  });

  it("a call of many refs fails as one of one does, whether Redis hangs, dies or forgot the scripts", async () => {
    const redis = await OwnRedis.make();
    cleanUps.push(() => redis.dispose());
    await redis.start();
    // Without turns, what fails is adding the jobs.
    const options = { connection: redis.url, delayMs: 0, fairness: null };
    const queue = new ProjectionQueueBullMQ({ ...options, timeoutMs: 10_000 });
    const impatient = new ProjectionQueueBullMQ({ ...options, timeoutMs: 300 });
    cleanUps.push(
      () => queue.close(),
      () => impatient.close(),
    );
    const refs = Array.from({ length: 230 }, (_, index) => ref(`${index}`));
    const unavailable = { code: "QUEUE_UNAVAILABLE", retryable: true };
    await Promise.all([queue.schedule(refs), impatient.schedule(refs)]);
    expect((await queue.counts()).pending).toBe(refs.length);

    redis.freeze();
    await expect(impatient.schedule(refs)).rejects.toMatchObject(unavailable);
    const underWay = expect(queue.schedule(refs)).rejects.toMatchObject(unavailable);
    await new Promise((resolve) => setImmediate(resolve));
    await redis.kill();
    await underWay;
    await expect(queue.schedule(refs)).rejects.toMatchObject(unavailable);

    await redis.start();
    await vi.waitFor(() => queue.schedule(refs), waiting);
    const admin = new Redis(redis.url);
    await admin.flushall();
    await admin.call("SCRIPT", "FLUSH");
    admin.disconnect();
    await queue.schedule(refs);
    expect((await queue.counts()).pending).toBe(refs.length);
  });

  it("answers thousands of calls at once, however long all of them take together", async () => {
    const { queue } = await setUp({ started: true, timeoutMs: 2_000 });
    await Promise.all(Array.from({ length: 10_000 }, (_, index) => queue.schedule([ref(`${index}`)])));
    expect((await queue.counts()).pending).toBe(10_000);
  });

  it("queue and worker close all the same, and end with CLOSED", async () => {
    const { redis, queue, work } = await setUp({ started: true, timeoutMs: 200 });
    const gate = new RunGate();
    const recorder = new RunRecorder(gate.hold);
    const worker = work(recorder);
    await queue.schedule([ref("a")]);
    await vi.waitFor(() => expect(recorder.active).toBe(1), waiting);
    await redis.kill();
    gate.releaseAll();
    await worker.close();
    await queue.close();
    await expect(queue.schedule([ref("a")])).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("closes a worker and a queue that never saw Redis", async () => {
    const { queue, work } = await setUp({ started: false });
    await work(new RunRecorder()).close();
    await queue.close();
  });
});

describe("with a Redis that refuses", () => {
  it("rejects with QUEUE_REJECTED, which waiting does not heal", async () => {
    const redis = await OwnRedis.make("--requirepass", "secret");
    await redis.start();
    const queue = new ProjectionQueueBullMQ({ connection: redis.url });
    try {
      await expect(queue.schedule([ref("a")])).rejects.toMatchObject({
        code: "QUEUE_REJECTED",
        retryable: false,
      });
    } finally {
      await queue.close();
      await redis.dispose();
    }
  });
});

describe("on Redis Cluster", () => {
  it("keeps all keys of a queue in one slot: run, follow-up, dead letter, redrive", async () => {
    const redis = await OwnRedis.make("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1");
    await redis.start();
    const admin = new Redis(redis.url);
    await admin.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await vi.waitFor(
      async () => expect(await admin.call("CLUSTER", "INFO")).toContain("cluster_state:ok"),
      waiting,
    );
    admin.disconnect();

    const connection = (options: RedisClientOptions) =>
      new Cluster([{ host: "127.0.0.1", port: redis.port }], options);
    const queue = new ProjectionQueueBullMQ({ connection, delayMs: 0, attempts: 1 });
    const gate = new RunGate();
    const recorder = new RunRecorder(gate.hold);
    const worker = new ProjectionWorkerBullMQ({
      connection,
      run: recorder.run,
      limiter: null,
      concurrency: 2,
    });
    try {
      await vi.waitFor(() => queue.schedule([ref("a")]), waiting);
      await vi.waitFor(() => expect(gate.holds(ref("a"))).toBe(true), waiting);
      await queue.schedule([ref("a")]);
      gate.release(ref("a"));
      await vi.waitFor(() => expect(gate.holds(ref("a"))).toBe(true), waiting);
      gate.release(ref("a"), new Error("no"));
      await vi.waitFor(async () => expect((await queue.counts()).deadLetters).toBe(1), waiting);
      recorder.behave(() => undefined);
      expect(await queue.deadLetters.redrive()).toBe(1);
      await vi.waitFor(() => expect(recorder.finished).toHaveLength(2), waiting);
      await queue.schedule(Array.from({ length: 120 }, (_, index) => ref(`one of many: ${index}`)));
      await vi.waitFor(() => expect(recorder.finished).toHaveLength(122), waiting);
      await vi.waitFor(async () => expect((await queue.counts()).active).toBe(0), waiting);
    } finally {
      await worker.close({ drainTimeoutMs: 0 });
      await queue.close();
      await redis.dispose();
    }
  });
});
