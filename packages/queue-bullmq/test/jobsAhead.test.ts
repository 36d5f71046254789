import { parseTenantId } from "@es/core";
import { RunRecorder } from "@es/testkit";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "../src/index.js";
import { createFetchingBackend } from "../src/jobsAhead.js";
import { redisUrl, uniquePrefix } from "./redis.js";

const waiting = { timeout: 20_000, interval: 5 };

describe("jobs that are fetched ahead", () => {
  const redis = new Redis(redisUrl(), { maxRetriesPerRequest: null });
  const open: { close(): Promise<void> }[] = [];

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });
  afterAll(() => redis.disconnect());

  /** Eight jobs, and the backend of a worker with so many places. */
  async function setUp(places: number) {
    const prefix = uniquePrefix();
    const queue = new Queue("jobs", { connection: redis, prefix });
    open.push(queue);
    await queue.addBulk(
      Array.from({ length: 8 }, (_, index) => ({ name: "job", data: {}, opts: { jobId: `j-${index}` } })),
    );
    const worker = new Worker(
      "jobs",
      null,
      { connection: redis, prefix, autorun: false },
      createFetchingBackend(() => places),
    );
    open.push(worker);
    const backend = worker.getBackend();
    const fetch = async (token: string) => (await backend.moveToActive(token))[1];
    return { queue, worker, backend, fetch };
  }

  it("are those of the tokens that follow, as many as there are places for", async () => {
    const { queue, fetch } = await setUp(3);
    expect(await fetch("worker:0")).toBe("j-0");
    expect(await queue.getActiveCount()).toBe(1);
    expect(await fetch("worker:1")).toBe("j-1");
    expect(await queue.getActiveCount()).toBe(4);
    expect([await fetch("worker:2"), await fetch("worker:3")]).toEqual(["j-2", "j-3"]);
    expect(await queue.getActiveCount()).toBe(4);
  });

  it("are under the lock of the token they are given out with", async () => {
    const { backend, fetch } = await setUp(8);
    for (const token of ["worker:0", "worker:1", "worker:2"]) await fetch(token);
    expect(
      await backend.extendLocks(["j-0", "j-1", "j-2"], ["worker:0", "worker:1", "worker:2"], 1_000),
    ).toEqual([]);
  });

  it.each(["other", "worker:1", "worker:9:x"])("are none for the token %s", async (token) => {
    const { queue, fetch } = await setUp(8);
    await fetch("worker:5");
    await fetch(token);
    expect(await queue.getActiveCount()).toBe(2);
  });

  it("go back to the queue when nobody asks for them", async () => {
    const { queue, fetch } = await setUp(8);
    await fetch("worker:0");
    await fetch("worker:1");
    expect(await queue.getActiveCount()).toBe(5);
    await vi.waitFor(async () => expect(await queue.getActiveCount()).toBe(2), waiting);
    expect(await queue.getWaitingCount()).toBe(6);
    expect(await fetch("worker:2")).toBe("j-2");
  });

  it("go back to the queue when the worker closes", async () => {
    const { queue, worker, fetch } = await setUp(8);
    await fetch("worker:0");
    await fetch("worker:1");
    await worker.close();
    expect([await queue.getActiveCount(), await queue.getWaitingCount()]).toEqual([2, 6]);
  });

  it("run once each, never more at once than the worker's concurrency, also beside another worker", async () => {
    const [connection, prefix] = [redisUrl(), uniquePrefix()];
    const queue = new ProjectionQueueBullMQ({ connection, prefix, delayMs: 0 });
    open.push(queue);
    const names = Array.from({ length: 300 }, (_, index) => `${index}`);
    await queue.schedule(names.map((aggregateId) => ({ tenantId: parseTenantId("acme"), aggregateId })));
    const most = [0, 0];
    const recorders = most.map((_, index) => {
      const recorder: RunRecorder = new RunRecorder(async () => {
        most[index] = Math.max(most[index] ?? 0, recorder.active);
        await new Promise((resolve) => setTimeout(resolve, 1));
      });
      return recorder;
    });
    for (const { run } of recorders) {
      open.push(new ProjectionWorkerBullMQ({ connection, prefix, run, concurrency: 30, limiter: null }));
    }
    await vi.waitFor(
      async () => expect(await queue.counts()).toMatchObject({ pending: 0, active: 0 }),
      waiting,
    );
    const ran = recorders.flatMap(({ finished }) => finished.map(({ aggregateId }) => aggregateId));
    expect(ran.toSorted()).toEqual(names.toSorted());
    expect(Math.max(...most)).toBeLessThanOrEqual(30);
  });
});
