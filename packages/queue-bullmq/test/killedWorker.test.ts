import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { EventSourcingError, parseTenantId } from "@es/core";
import { RunRecorder } from "@es/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "../src/index.js";
import { redisUrl, uniquePrefix } from "./redis.js";

const waiting = { timeout: 50_000, interval: 5 };
const locks = { limiter: null, concurrency: 4, lockDurationMs: 500, stalledIntervalMs: 100 };

function ref(aggregateId: string) {
  return { tenantId: parseTenantId("acme"), aggregateId };
}

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

describe("a worker that is killed", () => {
  async function runInChild(prefix: string, runs: number, mode = "hold"): Promise<ChildProcess> {
    const script = fileURLToPath(new URL("./killedWorker.mjs", import.meta.url));
    const child = fork(script, [redisUrl(), prefix, mode]);
    children.push(child);
    const started = new Set<unknown>();
    child.on("message", (aggregateId) => started.add(aggregateId));
    await vi.waitFor(() => expect(started.size).toBe(runs), waiting);
    return child;
  }

  it("in the middle of runs: another worker starts them again, and the calls made meanwhile are served", async () => {
    const prefix = uniquePrefix();
    const queue = new ProjectionQueueBullMQ({ connection: redisUrl(), prefix, delayMs: 0, attempts: 1 });
    await queue.schedule([ref("a"), ref("b"), ref("c")]);
    const child = await runInChild(prefix, 3);
    await queue.schedule([ref("a")]);
    child.kill("SIGKILL");
    await once(child, "exit");

    const recorder = new RunRecorder();
    const worker = new ProjectionWorkerBullMQ({
      connection: redisUrl(),
      prefix,
      run: recorder.run,
      ...locks,
    });
    try {
      await vi.waitFor(() => expect(recorder.finished).toHaveLength(4), waiting);
      expect(recorder.startsOf(ref("a"))).toHaveLength(2);
      await vi.waitFor(
        async () => expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 }),
        waiting,
      );
      expect(recorder.mostActiveOfOneRef).toBe(1);
    } finally {
      await worker.close();
      await queue.close();
    }
  }, 60_000);

  it("again and again by the same run: that run is parked as poison, the next one of its ref is not", async () => {
    const prefix = uniquePrefix();
    const queue = new ProjectionQueueBullMQ({ connection: redisUrl(), prefix, delayMs: 0 });
    await queue.schedule([ref("deadly")]);
    const child = await runInChild(prefix, 1);
    child.kill("SIGKILL");
    await once(child, "exit");

    const recorder = new RunRecorder();
    const worker = new ProjectionWorkerBullMQ({
      connection: redisUrl(),
      prefix,
      run: recorder.run,
      ...locks,
      maxStalledCount: 0,
    });
    try {
      await vi.waitFor(async () => expect((await queue.counts()).deadLetters).toBe(1), waiting);
      expect((await queue.deadLetters.list()).items).toMatchObject([
        {
          ref: ref("deadly"),
          errorClass: "poison",
          code: "STALLED",
          reason: expect.stringContaining("1 worker"),
        },
      ]);
      expect(recorder.started).toHaveLength(0);
      await queue.schedule([ref("deadly")]);
      await vi.waitFor(() => expect(recorder.finished).toHaveLength(1), waiting);
      await vi.waitFor(async () => expect((await queue.counts()).deadLetters).toBe(0), waiting);
    } finally {
      await worker.close();
      await queue.close();
    }
  }, 60_000);

  it("between parking a run and telling BullMQ: the run is tried once more, and parked once", async () => {
    const prefix = uniquePrefix();
    const queue = new ProjectionQueueBullMQ({ connection: redisUrl(), prefix, delayMs: 0 });
    await queue.schedule([ref("a")]);
    const child = await runInChild(prefix, 1, "park");
    if (child.signalCode === null) await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
    const [before] = (await queue.deadLetters.list()).items;
    expect(before).toMatchObject({ reason: "Failed in the child.", attempts: 1 });
    expect(await queue.counts()).toEqual({ pending: 0, active: 1, deadLetters: 1 });

    const recorder = new RunRecorder(() => {
      throw new EventSourcingError("STORE_REJECTED", "Failed again.");
    });
    const { run } = recorder;
    const worker = new ProjectionWorkerBullMQ({ connection: redisUrl(), prefix, run, ...locks });
    try {
      await vi.waitFor(
        async () => expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 1 }),
        waiting,
      );
      expect(recorder.started).toHaveLength(1);
      expect((await queue.deadLetters.list()).items).toMatchObject([
        { id: before?.id, reason: "Failed again.", firstFailedAt: before?.firstFailedAt },
      ]);
    } finally {
      await worker.close();
      await queue.close();
    }
  }, 60_000);
});

describe("a worker that is frozen past its lock", () => {
  it("harms nothing when it goes on: the run that was started elsewhere counts", async () => {
    const prefix = uniquePrefix();
    const queue = new ProjectionQueueBullMQ({ connection: redisUrl(), prefix, delayMs: 0 });
    await queue.schedule([ref("good"), ref("bad")]);
    const script = fileURLToPath(new URL("./killedWorker.mjs", import.meta.url));
    const frozen = fork(script, [redisUrl(), prefix, "late"]);
    children.push(frozen);
    const told: unknown[] = [];
    frozen.on("message", (message) => told.push(message));
    await vi.waitFor(() => expect(told.toSorted()).toEqual(["bad", "good"]), waiting);
    frozen.kill("SIGSTOP");

    const recorder = new RunRecorder(({ aggregateId }) => {
      if (aggregateId === "bad") throw new EventSourcingError("STORE_REJECTED", "Failed elsewhere.");
    });
    const { run } = recorder;
    const worker = new ProjectionWorkerBullMQ({ connection: redisUrl(), prefix, run, ...locks });
    try {
      const settled = () =>
        vi.waitFor(
          async () => expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 1 }),
          waiting,
        );
      await settled();
      expect(recorder.started).toHaveLength(2);
      // Now the frozen one fails where the other succeeded, and succeeds where it failed.
      frozen.kill("SIGCONT");
      frozen.send("go on");
      await vi.waitFor(() => expect(told).toContain("closed"), waiting);
      await settled();
      expect((await queue.deadLetters.list()).items).toMatchObject([
        { ref: ref("bad"), reason: "Failed elsewhere." },
      ]);
      await queue.schedule([ref("good"), ref("bad")]);
      await vi.waitFor(() => expect(recorder.started).toHaveLength(4), waiting);
      await settled();
    } finally {
      await worker.close();
      await queue.close();
    }
  }, 60_000);
});
