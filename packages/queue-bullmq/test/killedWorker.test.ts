import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseTenantId } from "@es/core";
import { RunRecorder } from "@es/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "../src/index.js";
import { redisUrl, uniquePrefix } from "./redis.js";

const waiting = { timeout: 50_000, interval: 5 };
const locks = { limiter: null, concurrency: 4, lockDurationMs: 500, stalledIntervalMs: 100 };

function ref(aggregateId: string) {
  return { tenantId: parseTenantId("acme"), aggregateId };
}

describe("a worker that is killed", () => {
  const children: ChildProcess[] = [];

  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  async function runInChild(prefix: string, runs: number): Promise<ChildProcess> {
    const child = fork(fileURLToPath(new URL("./killedWorker.mjs", import.meta.url)), [redisUrl(), prefix]);
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
});
