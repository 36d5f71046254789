import { parseTenantId } from "@es/core";
import { RunRecorder } from "@es/testkit";
import { Redis } from "ioredis";
import { describe, expect, it, type TestContext, vi } from "vitest";
import { LeasesRedis, ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "../src/index.js";
import { startName } from "./name.js";
import { OwnRedis } from "./ownRedis.js";

const waiting = { timeout: 30_000, interval: 10 };
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function ref(aggregateId: string) {
  return { tenantId: parseTenantId("acme"), aggregateId };
}

/** The context of one test. Tests run concurrently, because they mostly wait. */
type Context = Pick<TestContext, "onTestFinished">;

async function startRedis({ onTestFinished }: Context, ...extra: readonly string[]): Promise<OwnRedis> {
  const redis = await OwnRedis.make(...extra);
  onTestFinished(() => redis.dispose());
  await redis.start();
  return redis;
}

function useQueue({ onTestFinished }: Context, connection: string) {
  const errors: Error[] = [];
  const onError = (error: Error) => void errors.push(error);
  const recorder = new RunRecorder();
  let recovered = 0;
  const queue = new ProjectionQueueBullMQ({ connection, delayMs: 0, timeoutMs: 20_000, onError });
  const worker = new ProjectionWorkerBullMQ({
    connection,
    run: recorder.run,
    limiter: null,
    concurrency: 8,
    lockDurationMs: 2_000,
    stalledIntervalMs: 500,
    onError,
    onRecovered: () => recovered++,
  });
  onTestFinished(() => queue.close());
  onTestFinished(() => worker.close({ drainTimeoutMs: 0 }));
  return { queue, worker, recorder, errors, recovered: () => recovered };
}

interface State {
  readonly name: string;
  /** For the server. */
  readonly extra?: readonly string[];
  readonly connection?: (redis: OwnRedis) => string;
  readonly enter: (redis: OwnRedis) => Promise<unknown>;
  readonly leave: (redis: OwnRedis) => Promise<unknown>;
  readonly code: "QUEUE_UNAVAILABLE" | "QUEUE_REJECTED";
  readonly text: RegExp;
}

const user = (redis: OwnRedis) => redis.urlFor("few");
const rights = ["reset", "on", ">secret", "~*", "&*", "+@all"] as const;
const allowAll = (redis: OwnRedis) => redis.admin(["ACL", "SETUSER", "few", ...rights]);
const forbid = (command: string): State => ({
  name: `${command} is forbidden`,
  connection: user,
  enter: (redis) => redis.admin(["ACL", "SETUSER", "few", ...rights, `-${command}`]),
  leave: allowAll,
  code: "QUEUE_REJECTED",
  text: new RegExp(`forbids this user .*${command}`, "s"),
});

const states: readonly State[] = [
  // One of each place: BullMQ's scripts early and late in them, our own, and outside of scripts.
  ...["evalsha", "bzpopmin", "xadd", "zadd", "hmset", "hgetall", "set", "lrem", "zpopmin"].map(forbid),
  {
    name: "other keys are allowed than the queue's",
    connection: user,
    enter: (redis) => redis.admin(["ACL", "SETUSER", "few", "reset", "on", ">secret", "~other:*", "+@all"]),
    leave: allowAll,
    code: "QUEUE_REJECTED",
    text: /forbids this user something the queue needs.*key/s,
  },
  {
    name: "it has no memory left",
    enter: (redis) => redis.admin(["CONFIG", "SET", "maxmemory", 1]),
    leave: (redis) => redis.admin(["CONFIG", "SET", "maxmemory", 0]),
    code: "QUEUE_UNAVAILABLE",
    text: /has reached its maxmemory.*Raise maxmemory.*OOM/s,
  },
  {
    name: "it is a replica",
    enter: (redis) => redis.admin(["REPLICAOF", "127.0.0.1", 1]),
    leave: (redis) => redis.admin(["REPLICAOF", "NO", "ONE"]),
    code: "QUEUE_UNAVAILABLE",
    text: /is a replica and takes no writes.*name the primary.*READONLY/s,
  },
  {
    name: "it has too few replicas",
    enter: (redis) => redis.admin(["CONFIG", "SET", "min-replicas-to-write", 1]),
    leave: (redis) => redis.admin(["CONFIG", "SET", "min-replicas-to-write", 0]),
    code: "QUEUE_UNAVAILABLE",
    text: /too few replicas.*NOREPLICAS/s,
  },
];

describe.concurrent("a Redis that refuses", () => {
  it.for(states)(
    "while the queue runs, for $name: nothing spins, the state is named, and it goes on by itself",
    async (state, context) => {
      const redis = await startRedis(context, ...(state.extra ?? []));
      if (state.connection !== undefined) await allowAll(redis);
      const { queue, worker, recorder, errors, recovered } = useQueue(
        context,
        state.connection?.(redis) ?? redis.url,
      );
      await queue.schedule([ref("before")]);
      await vi.waitFor(() => expect(recorder.finished).toHaveLength(1), waiting);

      await state.enter(redis);
      await expect(queue.check()).rejects.toMatchObject({
        code: state.code,
        message: expect.stringMatching(state.text),
      });
      // Whatever became of it half way: it can be scheduled again, and runs.
      await queue.schedule([ref("during")]).catch((error: Error) => {
        expect(error).toMatchObject({ code: state.code });
      });
      const before = errors.length;
      await sleep(2_000);
      expect(errors.length - before).toBeLessThan(30);

      await state.leave(redis);
      await vi.waitFor(() => queue.schedule([ref("after"), ref("during")]), waiting);
      await vi.waitFor(() => expect(recorder.finished).toContainEqual(ref("after")), waiting);
      await vi.waitFor(() => expect(recorder.finished).toContainEqual(ref("during")), waiting);
      await vi.waitFor(() => worker.check(), waiting);
      expect(recovered()).toBeLessThanOrEqual(1);
      await vi.waitFor(
        async () => expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 }),
        waiting,
      );
    },
  );

  it.for(states)(
    "from the start, for $name: closes at once, and works once it is mended",
    async (state, context) => {
      const redis = await startRedis(context, ...(state.extra ?? []));
      await state.enter(redis);
      const { queue, worker, recorder, errors } = useQueue(context, state.connection?.(redis) ?? redis.url);
      const other = new ProjectionWorkerBullMQ({
        connection: state.connection?.(redis) ?? redis.url,
        run: recorder.run,
        onError: () => undefined,
      });
      await vi.waitFor(() =>
        expect(worker.check()).rejects.toMatchObject({ message: expect.stringMatching(state.text) }),
      );
      await sleep(1_000);
      expect(errors.length).toBeLessThan(30);
      const closing = performance.now();
      await other.close();
      expect(performance.now() - closing).toBeLessThan(5_000);

      await state.leave(redis);
      await vi.waitFor(() => queue.schedule([ref("after")]), waiting);
      await vi.waitFor(() => expect(recorder.finished).toContainEqual(ref("after")), waiting);
    },
  );

  it("goes on after a failover, whose old primary is a replica now and keeps its connections", async (context) => {
    const [first, second] = [await startRedis(context), await startRedis(context)];
    // One name in front of both, as that of a load balancer: it leads new connections to the primary.
    let primary = first;
    const name = await startName(() => primary.port);
    context.onTestFinished(() => name.close());
    const { queue, recorder, errors, recovered } = useQueue(context, `redis://127.0.0.1:${name.port}`);
    await queue.schedule([ref("before")]);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(1), waiting);
    primary = second;
    await first.admin(["REPLICAOF", "127.0.0.1", second.port]);
    await vi.waitFor(() => queue.schedule([ref("after")]), waiting);
    await vi.waitFor(() => expect(recorder.finished).toContainEqual(ref("after")), waiting);
    expect(recovered()).toBeGreaterThan(0);
    expect(errors.length).toBeLessThan(20);
  });

  it("records what became of runs that ended while it took no writes, without running them again", async (context) => {
    const redis = await startRedis(context);
    const { queue, recorder } = useQueue(context, redis.url);
    const held = new Set<() => void>();
    recorder.behave(() => new Promise<void>((resolve) => held.add(resolve)));
    await queue.schedule([ref("a"), ref("b")]);
    await vi.waitFor(() => expect(held.size).toBe(2), waiting);
    await redis.admin(["REPLICAOF", "127.0.0.1", 1]);
    for (const release of held) release();
    await sleep(700);
    await redis.admin(["REPLICAOF", "NO", "ONE"]);
    await vi.waitFor(
      async () => expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 }),
      waiting,
    );
    expect(recorder.started).toHaveLength(2);
  });

  it.for(["set", "lpush", "hgetall", "zadd"])(
    "that forbids %s while runs are fetched: what the script left half way runs soon, long before its locks end",
    async (command, context) => {
      const redis = await startRedis(context);
      await allowAll(redis);
      const connection = user(redis);
      const recorder = new RunRecorder();
      const queue = new ProjectionQueueBullMQ({
        connection,
        delayMs: 0,
        timeoutMs: 20_000,
        onError: () => undefined,
      });
      context.onTestFinished(() => queue.close());
      const refs = Array.from({ length: 30 }, (_, index) => ref(`${index}`));
      await queue.schedule(refs);
      // The right is lost between the probe and the first fetch.
      const worker = new ProjectionWorkerBullMQ({
        connection: ({ enableOfflineQueue, redisOptions }) => {
          const client = new Redis(connection, {
            ...redisOptions,
            enableOfflineQueue,
            replyMapping: "legacy",
          });
          const lastOfProbe = client.bzpopmin.bind(client) as (...values: unknown[]) => Promise<unknown>;
          let probed = false;
          const losing = async (...values: unknown[]) => {
            const answer = await lastOfProbe(...values);
            if (!probed) await redis.admin(["ACL", "SETUSER", "few", `-${command}`]);
            probed = true;
            return answer;
          };
          return Object.assign(client, { bzpopmin: losing });
        },
        run: recorder.run,
        limiter: null,
        concurrency: 20,
        onError: () => undefined,
      });
      context.onTestFinished(() => worker.close({ drainTimeoutMs: 0 }));
      await vi.waitFor(() => expect(worker.check()).rejects.toThrow(command), waiting);
      await redis.admin(["ACL", "SETUSER", "few", `+${command}`]);
      const mended = performance.now();
      // As a reconciler does it.
      await sleep(1_000);
      await vi.waitFor(() => queue.schedule(refs), waiting);
      await vi.waitFor(
        () => expect(new Set(recorder.finished.map(({ aggregateId }) => aggregateId)).size).toBe(30),
        waiting,
      );
      // Locks last 30 s, and looks for stalled jobs are 30 s apart.
      expect(performance.now() - mended).toBeLessThan(25_000);
      await vi.waitFor(
        async () => expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 }),
        waiting,
      );
    },
  );

  const schedules = (queue: ProjectionQueueBullMQ) => queue.schedule([ref("during")]);
  const checks = (queue: ProjectionQueueBullMQ) => queue.check();
  const forbidden = (redis: OwnRedis) => forbid("hmset").enter(redis);
  const hangs = (redis: OwnRedis) => redis.freeze();
  const goesOn = (redis: OwnRedis) => redis.thaw();
  it.for([
    ["forbids what only scheduling needs, found by scheduling", forbidden, allowAll, schedules],
    ["forbids what only scheduling needs, found by a check", forbidden, allowAll, checks],
    ["answers nothing for a while, found by scheduling", hangs, goesOn, schedules],
    ["answers nothing for a while, found by a check", hangs, goesOn, checks],
  ] as const)("and then %s: a queue says by itself when it takes calls again", async (state, context) => {
    const [, enter, leave, call] = state;
    const redis = await startRedis(context);
    await allowAll(redis);
    let recovered = 0;
    const queue = new ProjectionQueueBullMQ({
      connection: user(redis),
      timeoutMs: 500,
      onError: () => undefined,
      onRecovered: () => recovered++,
    });
    context.onTestFinished(() => queue.close());
    await queue.schedule([ref("before")]);
    await enter(redis);
    // A call of any kind notices it, also one that schedules nothing.
    await expect(call(queue)).rejects.toThrow();
    await sleep(1_000);
    expect(recovered).toBe(0);
    await leave(redis);
    await vi.waitFor(() => expect(recovered).toBe(1), waiting);
    await queue.schedule([ref("after")]);
  });

  it("and is back after it hung from the start: a worker says so", async (context) => {
    const redis = await startRedis(context);
    redis.freeze();
    const { worker, recovered } = useQueue(context, redis.url);
    await sleep(1_500);
    redis.thaw();
    await vi.waitFor(() => expect(recovered()).toBe(1), waiting);
    await worker.check();
  });

  it("and then answers nothing more: a worker closes soon all the same", async (context) => {
    const redis = await startRedis(context);
    const { queue, worker, recorder } = useQueue(context, redis.url);
    await queue.schedule([ref("before")]);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(1), waiting);
    redis.freeze();
    const closing = performance.now();
    await worker.close();
    expect(performance.now() - closing).toBeLessThan(15_000);
    redis.thaw();
  });

  it("names a node of a cluster", async (context) => {
    const redis = await startRedis(context, "--cluster-enabled", "yes");
    const { queue, worker } = useQueue(context, redis.url);
    // Slots of its own but not that of the queue, which another node serves.
    await redis.admin(["CLUSTER", "ADDSLOTSRANGE", 0, 100]);
    await expect(queue.check()).rejects.toMatchObject({ message: expect.stringContaining("Redis Cluster") });
    await vi.waitFor(() => expect(worker.check()).rejects.toThrow("Redis Cluster"), waiting);
  });

  it("names a password that is missing or wrong", async (context) => {
    const redis = await startRedis(context, "--requirepass", "right");
    for (const url of [redis.url, `redis://:wrong@127.0.0.1:${redis.port}`]) {
      const { queue, worker } = useQueue(context, url);
      const refused = { code: "QUEUE_REJECTED", message: expect.stringMatching(/user or password/) };
      await expect(queue.check()).rejects.toMatchObject(refused);
      await vi.waitFor(() => expect(worker.check()).rejects.toMatchObject(refused), waiting);
    }
  });

  it("names TLS on a port without it", async (context) => {
    const redis = await startRedis(context);
    const { queue } = useQueue(context, `rediss://127.0.0.1:${redis.port}`);
    await vi.waitFor(() => expect(queue.check()).rejects.toThrow("may be one without TLS"), waiting);
  });

  it("names its limit of clients, and is found again when there is room", async (context) => {
    const redis = await startRedis(context);
    const { queue, worker, recorder } = useQueue(context, redis.url);
    await queue.schedule([ref("before")]);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(1), waiting);
    const admin = new Redis(redis.url);
    context.onTestFinished(() => admin.disconnect());
    await admin.config("SET", "maxclients", 1);
    await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    const full = { code: "QUEUE_UNAVAILABLE", message: expect.stringContaining("maxclients") };
    await vi.waitFor(() => expect(queue.check()).rejects.toMatchObject(full), waiting);
    await vi.waitFor(() => expect(worker.check()).rejects.toMatchObject(full), waiting);
    await admin.config("SET", "maxclients", 100);
    await vi.waitFor(() => queue.schedule([ref("after")]), waiting);
    await vi.waitFor(() => expect(recorder.finished).toContainEqual(ref("after")), waiting);
  });

  it("may forget its scripts at any time", async (context) => {
    const redis = await startRedis(context);
    const { queue, recorder, errors } = useQueue(context, redis.url);
    for (let round = 0; round < 10; round++) {
      const refs = Array.from({ length: 20 }, (_, index) => ref(`${round}-${index}`));
      await Promise.all([queue.schedule(refs), redis.admin(["SCRIPT", "FLUSH"])]);
    }
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(200), waiting);
    expect(errors).toEqual([]);
  });
});

describe("an eviction policy that takes jobs away", () => {
  it("is noted, without a word on the console", async (context) => {
    const redis = await startRedis(context, "--maxmemory-policy", "volatile-ttl");
    const print = [vi.spyOn(console, "warn"), vi.spyOn(console, "error"), vi.spyOn(console, "log")];
    const { queue, recorder } = useQueue(context, redis.url);
    await queue.schedule([ref("a")]);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(1), waiting);
    expect(await queue.check()).toMatch(/maxmemory-policy is volatile-ttl.*noeviction/);
    for (const spy of print) expect(spy).not.toHaveBeenCalled();
    await redis.admin(["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    expect(await queue.check()).toBeUndefined();
  });
});

describe("without a listener for errors", () => {
  it("queue, worker and leases warn the process, each message once", async (context) => {
    const redis = await startRedis(context, "--requirepass", "right");
    const connection = `redis://:wrong-one@127.0.0.1:${redis.port}`;
    const warnings: (Error & { code?: string })[] = [];
    const listen = (warning: Error) => void warnings.push(warning);
    process.on("warning", listen);
    context.onTestFinished(() => void process.off("warning", listen));
    const queue = new ProjectionQueueBullMQ({ connection });
    const worker = new ProjectionWorkerBullMQ({ connection, run: async () => undefined });
    const leases = new LeasesRedis({ connection });
    for (const one of [queue, worker, leases]) context.onTestFinished(() => one.close());
    const names = ["LeasesRedis", "ProjectionQueueBullMQ", "ProjectionWorkerBullMQ"];
    await vi.waitFor(() => expect(warnings.map(({ name }) => name).sort()).toEqual(names), waiting);
    await sleep(1_500);
    expect(warnings).toHaveLength(3);
    for (const warning of warnings) expect(warning.message).toContain("REDIS_URL");
  });
});

describe("names that cannot be", () => {
  it.each([{ queueName: "a:b" }, { queueName: "" }, { prefix: "" }])("%j is refused at once", (names) => {
    const connection = "redis://127.0.0.1:1";
    const invalid = expect.objectContaining({ code: "INVALID_OPTIONS" });
    expect(() => new ProjectionQueueBullMQ({ connection, ...names })).toThrow(invalid);
    expect(() => new ProjectionWorkerBullMQ({ connection, run: async () => undefined, ...names })).toThrow(
      invalid,
    );
    if (names.prefix !== undefined) expect(() => new LeasesRedis({ connection, ...names })).toThrow(invalid);
  });
});
