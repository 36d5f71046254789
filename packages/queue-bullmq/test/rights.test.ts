import { readFile } from "node:fs/promises";
import { parseTenantId } from "@es/core";
import { RunGate, RunRecorder } from "@es/testkit";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { LeasesRedis, ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "../src/index.js";
import { OwnRedis } from "./ownRedis.js";

const waiting = { timeout: 30_000, interval: 10 };

/** A machine that is busy with other tests answers late. */
const timeoutMs = 20_000;

function ref(aggregateId: string) {
  return { tenantId: parseTenantId("acme"), aggregateId };
}

/** What a user needs, as the README has it. */
async function rightsOfReadme(): Promise<readonly string[]> {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const line = /^ACL SETUSER es (.+)$/m.exec(readme)?.[1] ?? "";
  return line.split(" ").filter((word) => word !== "on" && !word.startsWith(">"));
}

describe("the rights a user of Redis needs", () => {
  let redis: OwnRedis;

  beforeAll(async () => {
    redis = await OwnRedis.make();
    await redis.start();
  });
  afterAll(() => redis.dispose());

  async function allow(user: string, rights: readonly string[]): Promise<void> {
    await redis.admin(["ACL", "SETUSER", user, "on", ">secret", ...rights]);
  }

  /** All that the package does: runs, tries, follow-ups, dead letters, redrives, limits, leases. */
  async function useAll(user: string): Promise<void> {
    const shared = { connection: redis.urlFor(user), prefix: "{es}", queueName: `of-${user}`, timeoutMs };
    const errors: Error[] = [];
    const onError = (error: Error) => errors.push(error);
    const queue = new ProjectionQueueBullMQ({ ...shared, delayMs: 10, attempts: 2, backoffMs: 10, onError });
    const plain = new ProjectionQueueBullMQ({ ...shared, fairness: null, delayMs: 0, attempts: 1, onError });
    const leases = new LeasesRedis({ ...shared, onError });
    const gate = new RunGate();
    let holding = true;
    const recorder = new RunRecorder(async (run, context) => {
      const { aggregateId } = run;
      if (aggregateId === "slow" && holding) await gate.hold(run, context);
      if (aggregateId.startsWith("bad")) throw new Error("no");
    });
    const worker = new ProjectionWorkerBullMQ({
      ...shared,
      run: recorder.run,
      limiter: { max: 1_000, durationMs: 1_000 },
      concurrency: 20,
      lockDurationMs: 6_000,
      stalledIntervalMs: 100,
      onError,
    });
    try {
      await queue.check();
      await leases.check();
      const lease = await leases.acquire("one", 10_000);
      expect(await lease?.renew(10_000)).toBe(true);
      await lease?.release();
      await queue.schedule([ref("slow"), ref("bad"), ...Array.from({ length: 60 }, (_, i) => ref(`${i}`))]);
      await plain.schedule([ref("plain"), ref("bad too")]);
      await vi.waitFor(() => expect(recorder.active).toBe(1), waiting);
      await queue.schedule([ref("slow")]);
      await plain.schedule([ref("slow")]);
      // Its lock is renewed meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      holding = false;
      gate.releaseAll();
      await vi.waitFor(async () => expect((await queue.counts()).pending).toBe(0), waiting);
      await vi.waitFor(async () => expect((await queue.counts()).deadLetters).toBe(2), waiting);
      expect((await queue.deadLetters.list({ tenantId: ref("").tenantId })).items).toHaveLength(2);
      recorder.behave(() => undefined);
      expect(await queue.deadLetters.redrive()).toBe(2);
      await vi.waitFor(
        async () => expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 }),
        waiting,
      );
      await worker.check();
    } finally {
      await worker.close({ drainTimeoutMs: 0 });
      for (const one of [queue, plain, leases]) await one.close();
    }
    expect(errors).toEqual([]);
  }

  it("are those of the line in the README, and nothing more of Redis", async () => {
    await allow("readme", await rightsOfReadme());
    await useAll("readme");
  });

  it("do not include INFO, which managed services often forbid: only the eviction policy is not known then", async () => {
    await allow("no-info", [...(await rightsOfReadme()), "-info"]);
    const print = vi.spyOn(console, "warn");
    await useAll("no-info");
    expect(print).not.toHaveBeenCalled();
    const queue = new ProjectionQueueBullMQ({ connection: redis.urlFor("no-info"), timeoutMs });
    try {
      expect(await queue.check()).toContain("may not run INFO");
    } finally {
      await queue.close();
    }
  });

  it("are all probed: each command that is used is named when it is forbidden", async () => {
    await allow("counted", ["~*", "&*", "+@all"]);
    await redis.admin(["CONFIG", "RESETSTAT"]);
    await useAll("counted");
    const [stats] = await redis.admin(["INFO", "commandstats"]);
    const used = [...String(stats).matchAll(/^cmdstat_([a-z]+):/gm)].map(([, command = ""]) => command);
    // What a connection is made and ended with, and what this test itself uses.
    const aside = ["hello", "auth", "client", "info", "quit", "echo", "acl", "config", "select", "script"];
    const commands = [...new Set(used)].filter((command) => !aside.includes(command));
    expect(commands.length).toBeGreaterThan(30);
    const readme = await rightsOfReadme();
    const unnamed: string[] = [];
    for (const command of commands) {
      await allow("without", ["reset", "on", ">secret", ...readme, `-${command}`]);
      const queue = new ProjectionQueueBullMQ({ connection: redis.urlFor("without"), timeoutMs });
      const leases = new LeasesRedis({ connection: redis.urlFor("without"), timeoutMs });
      try {
        const reasons = await Promise.all(
          [queue.check(), leases.check()].map((check) => check.then(String, (error: Error) => error.message)),
        );
        if (!reasons.some((reason) => reason.toLowerCase().includes(command))) unnamed.push(command);
      } finally {
        await queue.close();
        await leases.close();
      }
    }
    expect(unnamed).toEqual([]);
  }, 120_000);
});
