import { type BackendFactory, createRedisBackend, Job, Queue, type RedisQueueBackend, Worker } from "bullmq";
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createGatheringBackend } from "../src/gatheredScripts.js";
import { redisUrl, uniquePrefix } from "./redis.js";

const NOW = 1_700_000_000_000;

/** Its stack, which is kept, is the same wherever it is thrown. */
const failure = Object.assign(new Error("no"), { stack: "Error: no" });

/** Jobs that are added together. */
interface Add {
  readonly kind: "add";
  readonly jobs: readonly {
    readonly ref: number;
    readonly priority: number;
    readonly jobId: number | null;
  }[];
  readonly delay: number;
  readonly prioritized: boolean;
}
interface Fetch {
  readonly kind: "fetch";
  readonly count: number;
}
/** Active jobs that are finished together. */
interface Finish {
  readonly kind: "finish";
  readonly jobs: readonly {
    readonly index: number;
    readonly outcome: "completed" | "failed" | "lost lock";
    readonly fetchNext: boolean;
  }[];
}
interface Wait {
  readonly kind: "wait";
  readonly ms: number;
}
type Step = Add | Fetch | Finish | Wait;

const add: fc.Arbitrary<Add> = fc.record({
  kind: fc.constant("add" as const),
  jobs: fc.array(
    fc.record({
      ref: fc.nat(7),
      priority: fc.integer({ min: 1, max: 3 }),
      // Now and then the id of a job that may be there.
      jobId: fc.option(fc.nat(5), { freq: 4 }),
    }),
    { minLength: 1, maxLength: 70 },
  ),
  delay: fc.constantFrom(0, 0, 5, 50),
  prioritized: fc.boolean(),
});
const fetch: fc.Arbitrary<Fetch> = fc.record({
  kind: fc.constant("fetch" as const),
  count: fc.integer({ min: 1, max: 6 }),
});
const finish: fc.Arbitrary<Finish> = fc.record({
  kind: fc.constant("finish" as const),
  jobs: fc.array(
    fc.record({
      index: fc.nat(20),
      outcome: fc.constantFrom("completed", "completed", "failed", "lost lock"),
      fetchNext: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  ),
});
const wait: fc.Arbitrary<Wait> = fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(60) });
const histories = fc.array(fc.oneof(add, fetch, finish, wait), { minLength: 1, maxLength: 14 });

describe("scripts of BullMQ that are called together", () => {
  const redis = new Redis(redisUrl(), { maxRetriesPerRequest: null });
  const open: { close(): Promise<void> }[] = [];

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  });
  afterEach(async () => {
    vi.useRealTimers();
    for (const one of open.splice(0)) await one.close();
  });
  afterAll(() => redis.disconnect());

  async function make(factory: BackendFactory<RedisQueueBackend>, connection = redis) {
    const prefix = uniquePrefix();
    const queue = new Queue("jobs", { connection, prefix }, factory);
    const worker = new Worker("jobs", null, { connection, prefix, autorun: false }, factory);
    open.push(queue, worker);
    // Which the queue writes by itself at some time.
    await vi.waitFor(async () => expect(await queue.getVersion()).toMatch(/^bullmq/));
    return { prefix, queue, worker };
  }

  type Made = Awaited<ReturnType<typeof make>>;

  /** Everything in Redis below a prefix. What Redis numbers by its own clock is left out. */
  async function contentsOf(prefix: string): Promise<Record<string, unknown>> {
    const contents: Record<string, unknown> = {};
    for (const key of (await redis.keys(`${prefix}:*`)).sort()) {
      contents[key.slice(prefix.length)] = [await contentOf(key), (await redis.pttl(key)) > 0];
    }
    return JSON.parse(JSON.stringify(contents).replaceAll(prefix, ""));
  }

  async function contentOf(key: string): Promise<unknown> {
    switch (await redis.type(key)) {
      case "hash":
        return redis.hgetall(key);
      case "zset":
        return redis.zrange(key, "0", "-1", "WITHSCORES");
      case "list":
        return redis.lrange(key, 0, -1);
      case "set":
        return (await redis.smembers(key)).sort();
      case "stream":
        return (await redis.xrange(key, "-", "+")).map(([, fields]) => fields);
      default:
        return redis.get(key);
    }
  }

  const outcomeOf = (work: Promise<unknown>) =>
    work.then(
      (value) => JSON.parse(JSON.stringify(value ?? null)),
      (error: unknown) => String(error),
    );

  /** Does the steps, and gives what was answered. */
  async function replay({ prefix, queue, worker }: Made, steps: readonly Step[]): Promise<unknown> {
    const answers: unknown[] = [];
    const active: { readonly job: Job; readonly token: string }[] = [];
    let serial = 0;
    for (const step of steps) {
      if (step.kind === "wait") {
        vi.setSystemTime(Date.now() + step.ms);
      } else if (step.kind === "add") {
        const jobs = step.jobs.map(({ ref, priority, jobId }) => ({
          name: "job",
          data: { ref },
          opts: {
            jobId: jobId === null ? `j-${serial++}` : `again-${jobId}`,
            deduplication: { id: `a:${ref}`, keepLastIfActive: true },
            // A further try is another script, whose place among the calls of a turn may change.
            attempts: 1,
            delay: step.delay,
            removeOnComplete: true,
            removeOnFail: { count: 3 },
            ...(step.prioritized ? { priority } : {}),
          },
        }));
        answers.push(await outcomeOf(queue.addBulk(jobs).then((added) => added.map(({ id }) => id))));
      } else if (step.kind === "fetch") {
        const tokens = Array.from({ length: step.count }, () => `token-${serial++}`);
        const jobs = await Promise.all(tokens.map((token) => worker.getNextJob(token, { block: false })));
        for (const [index, job] of jobs.entries()) {
          answers.push(job?.id ?? null);
          if (job !== undefined) active.push({ job, token: tokens[index] ?? "" });
        }
      } else {
        const chosen = new Map(step.jobs.map((one) => [one.index % Math.max(1, active.length), one]));
        const finished = [...chosen].flatMap(([index, how]) => {
          const one = active[index];
          return one === undefined ? [] : [{ ...one, ...how }];
        });
        const results = await Promise.all(
          finished.map(({ job, token, outcome, fetchNext }) => {
            const held = outcome === "lost lock" ? "not mine" : token;
            return outcome === "failed"
              ? outcomeOf(job.moveToFailed(failure, held, fetchNext))
              : outcomeOf(job.moveToCompleted(null, held, fetchNext));
          }),
        );
        for (const [index, result] of results.entries()) {
          answers.push(
            JSON.stringify(result)
              .replaceAll(prefix, "")
              .replaceAll(/at .*?"/g, ""),
          );
          const { job, token, outcome } = finished[index] ?? {};
          if (outcome !== "lost lock")
            active.splice(
              active.findIndex((one) => one.job === job),
              1,
            );
          if (Array.isArray(result) && result[0] && token !== undefined) {
            active.push({ job: Job.fromJSON(worker, result[0], result[1]), token });
          }
        }
      }
    }
    return answers;
  }

  it("answer and leave in Redis what they do one by one, in any history", async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        const [plain, gathering] = [await make(createRedisBackend), await make(createGatheringBackend)];
        vi.setSystemTime(NOW);
        const expected = await replay(plain, steps);
        vi.setSystemTime(NOW);
        expect(await replay(gathering, steps)).toEqual(expected);
        expect(await contentsOf(gathering.prefix)).toEqual(await contentsOf(plain.prefix));
        for (const one of open.splice(0)) await one.close();
      }),
      { numRuns: 40 },
    );
  });

  const jobsFrom = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      name: "job",
      data: {},
      opts: {
        jobId: `j-${from + index}`,
        deduplication: { id: `a:${from + index}`, keepLastIfActive: true },
      },
    }));

  async function ownClient(): Promise<{ client: Redis; sent: string[] }> {
    const client = new Redis(redisUrl(), { maxRetriesPerRequest: null });
    open.push({ close: async () => client.disconnect() });
    await client.ping();
    const sent: string[] = [];
    const send = client.sendCommand.bind(client);
    client.sendCommand = (command, ...rest) => {
      sent.push(command.name);
      return send(command, ...rest);
    };
    return { client, sent };
  }

  it("are few commands for many jobs of several calls", async () => {
    const { client, sent } = await ownClient();
    const { queue } = await make(createGatheringBackend, client);
    await queue.addBulk(jobsFrom(0, 2));
    sent.length = 0;
    await Promise.all([queue.addBulk(jobsFrom(10, 30)), queue.addBulk(jobsFrom(40, 30))]);
    expect(sent).toEqual(["evalsha", "evalsha"]);
    expect(await queue.getWaitingCount()).toBe(62);
  });

  it("fail for the job whose call failed, and for no other", async () => {
    const { prefix, queue } = await make(createGatheringBackend);
    await redis.lpush(`${prefix}:jobs:de:a:1`, "not a string");
    const added = jobsFrom(0, 3).map((job) => queue.add(job.name, job.data, job.opts));
    const [before, failed, after] = await Promise.allSettled(added);
    expect(failed).toMatchObject({ reason: { name: "ReplyError", message: /^WRONGTYPE/ } });
    expect([before, after]).toMatchObject([{ value: { id: "j-0" } }, { value: { id: "j-2" } }]);
    expect(await queue.getWaitingCount()).toBe(2);
  });

  it("are loaded again by a Redis that forgot them", async () => {
    const { client } = await ownClient();
    const { queue } = await make(createGatheringBackend, client);
    await queue.addBulk(jobsFrom(0, 3));
    await client.script("FLUSH");
    await queue.addBulk(jobsFrom(10, 3));
    expect(await queue.getWaitingCount()).toBe(6);
  });

  it.each([
    ["is not where ioredis keeps scripts", {}],
    ["does not compile as a function", { lua: "return ...", numberOfKeys: 9 }],
  ])("are called one by one when their text %s", async (_, kept) => {
    const { client, sent } = await ownClient();
    const { queue } = await make(createGatheringBackend, client);
    const [name] = Object.keys(client.scriptsSet).filter((key) => key.startsWith("addStandardJob:"));
    Object.assign(client.scriptsSet, { [name ?? ""]: kept });
    await queue.addBulk(jobsFrom(0, 3));
    sent.length = 0;
    await queue.addBulk(jobsFrom(10, 3));
    expect(sent).toEqual(["evalsha", "evalsha", "evalsha"]);
    expect(await queue.getWaitingCount()).toBe(6);
  });
});
