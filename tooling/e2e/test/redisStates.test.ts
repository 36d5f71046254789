import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createClient } from "@clickhouse/client";
import { parseTenantId } from "@es/core";
import { ProjectionQueueBullMQ } from "@es/queue-bullmq";
import { freePort, startLocalRedis } from "@es/tooling-engines";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, startEngine, untilReady } from "./apps.js";
import { makeSpan, sendSpans } from "./otlpClient.js";
import { killLeftovers, type RunningProcess, temporaryFolder, until } from "./processes.js";
import { completeProjection } from "./readApi.js";

type App = Awaited<ReturnType<typeof startApp>>;

const unique = () => randomUUID().replaceAll("-", "");
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const clickhouseUrl = process.env.CLICKHOUSE_URL ?? "";

afterAll(killLeftovers);

async function readyz({ url }: App): Promise<{ status: number; redis: string }> {
  const response = await fetch(`${url}/readyz`);
  const { checks } = (await response.json()) as { checks: { redis: string } };
  return { status: response.status, redis: checks.redis };
}

/** Seconds of a processor that a process took so far. */
function processorSeconds({ pid }: RunningProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

describe("ingest and a worker on a Redis that refuses, for a user who may not run INFO", () => {
  const database = `e2e_${unique()}`;
  const servers: Awaited<ReturnType<typeof startLocalRedis>>[] = [];
  const sockets = new Set<Socket>();
  /** A name that leads new connections to the primary. */
  const name = createServer((client) => {
    const upstream = connect(Number(new URL(primary).port), "127.0.0.1");
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  let primary = "";
  let ingest: App;
  let worker: App;
  let console: App;

  async function admin(url: string, ...command: readonly [string, ...string[]]): Promise<void> {
    const redis = new Redis(url, { replyMapping: "legacy" });
    try {
      await redis.call(...command);
    } finally {
      redis.disconnect();
    }
  }
  const allow = (url: string, ...rights: readonly string[]) =>
    admin(url, "ACL", "SETUSER", "few", "reset", "on", ">secret", "~*", "+@all", "-info", ...rights);

  async function isProjectedSoon(traceId: string): Promise<void> {
    await completeProjection(console.url, traceId, 1);
  }

  beforeAll(async () => {
    servers.push(await startLocalRedis(), await startLocalRedis());
    for (const { url } of servers) await allow(url);
    primary = servers[0]?.url ?? "";
    name.listen(0, "127.0.0.1");
    await once(name, "listening");
    const environment = {
      CLICKHOUSE_URL: clickhouseUrl,
      CLICKHOUSE_DATABASE: database,
      REDIS_URL: `redis://few:secret@127.0.0.1:${(name.address() as AddressInfo).port}`,
      // No look by itself saves what a recovery misses.
      RECONCILE_INTERVAL_MS: "3600000",
    };
    [ingest, worker, console] = await Promise.all([
      startApp("ingest", environment),
      startApp("worker", environment),
      startApp("console", environment),
    ]);
    await Promise.all([ingest, worker, console].map(({ url }) => untilReady(url)));
  }, 120_000);

  afterAll(async () => {
    const codes = await Promise.all([ingest, worker, console].map(({ process }) => process.stop()));
    expect(codes).toEqual([0, 0, 0]);
    name.close();
    for (const socket of sockets) socket.destroy();
    for (const { close } of servers) await close();
    const client = createClient({ url: clickhouseUrl });
    await client.command({ query: `DROP DATABASE ${database}` });
    await client.close();
  });

  it("project spans, and say that the eviction policy is not known", async () => {
    const span = makeSpan();
    await sendSpans(ingest.url, [span]);
    await isProjectedSoon(span.traceId);
    expect(await readyz(worker)).toEqual({ status: 200, redis: expect.stringContaining("may not run INFO") });
    for (const line of worker.process.output().trim().split("\n"))
      expect(() => JSON.parse(line)).not.toThrow();
  });

  const states = [
    {
      state: "a command in the middle of scripts is forbidden",
      enter: () => allow(primary, "-hset"),
      leave: () => allow(primary),
      text: /forbids this user commands that the queue needs: hset/,
    },
    {
      state: "it has no memory left",
      enter: () => admin(primary, "CONFIG", "SET", "maxmemory", "1"),
      leave: () => admin(primary, "CONFIG", "SET", "maxmemory", "0"),
      text: /has reached its maxmemory/,
    },
    {
      state: "it fails over: the name leads to another, the old one is a replica that keeps its connections",
      enter: async () => {
        const [first, second] = servers.map(({ url }) => url);
        await admin(second ?? "", "CONFIG", "SET", "maxmemory", "1");
        primary = second ?? "";
        await admin(first ?? "", "REPLICAOF", "127.0.0.1", new URL(primary).port);
      },
      leave: () => admin(primary, "CONFIG", "SET", "maxmemory", "0"),
      text: /takes no writes/,
    },
  ];

  it.each(states)(
    "when $state: acknowledge, name it, stay calm, and catch up when it is over",
    {
      timeout: 120_000,
    },
    async ({ enter, leave, text }) => {
      await enter();
      await until("the worker names it", async () =>
        text.test((await readyz(worker)).redis) ? true : undefined,
      );
      const spans = Array.from({ length: 20 }, () => makeSpan());
      for (const span of spans) await sendSpans(ingest.url, [span]);
      expect((await readyz(worker)).status).toBe(503);
      expect(await readyz(ingest)).toEqual({ status: 200, redis: expect.stringMatching(text) });

      const apps = [ingest, worker];
      const before = apps.map(({ process }) => ({
        lines: process.output().split("\n").length,
        seconds: processorSeconds(process),
      }));
      await sleep(5_000);
      for (const [index, { process, url }] of apps.entries()) {
        expect(process.output().split("\n").length - (before[index]?.lines ?? 0)).toBeLessThan(20);
        expect(processorSeconds(process) - (before[index]?.seconds ?? 0)).toBeLessThan(2.5);
        expect((await fetch(`${url}/healthz`)).status).toBe(200);
      }

      await leave();
      for (const { traceId } of spans) await isProjectedSoon(traceId);
      await untilReady(worker.url);
    },
  );
});

describe("a worker whose engines are gone", () => {
  it("ends at once on SIGTERM: runs that wait for ClickHouse cannot finish", {
    timeout: 120_000,
  }, async () => {
    const folder = await temporaryFolder();
    const port = await freePort();
    const redis = await startLocalRedis();
    const engine = await startEngine(folder.path, port);
    const worker = await startApp("worker", {
      CLICKHOUSE_URL: `http://127.0.0.1:${port}`,
      REDIS_URL: redis.url,
      QUEUE_PREFIX: "{gone}",
    });
    await untilReady(worker.url);
    engine.kill();
    await engine.ended;
    const queue = new ProjectionQueueBullMQ({
      connection: redis.url,
      queueName: "trace-projections",
      prefix: "{gone}",
      onError: () => undefined,
    });
    const tenantId = parseTenantId("default");
    await queue.schedule(Array.from({ length: 50 }, (_, index) => ({ tenantId, aggregateId: `${index}` })));
    await until(
      "runs wait for it",
      () => (worker.process.output().includes("rebuilds wait") ? true : undefined),
      {
        watch: worker.process,
      },
    );
    // They are back in the queue, not parked.
    const asked = performance.now();
    const code = await worker.process.stop();
    // An ordinary drain of runs takes 30 s.
    expect(performance.now() - asked).toBeLessThan(20_000);
    expect(code).toBe(0);
    expect(await queue.counts()).toEqual({ pending: 50, active: 0, deadLetters: 0 });

    const other = await startApp("worker", {
      CLICKHOUSE_URL: `http://127.0.0.1:${port}`,
      REDIS_URL: redis.url,
      QUEUE_PREFIX: "{gone}",
    });
    const signal = (name: NodeJS.Signals) => redis.pid !== undefined && process.kill(redis.pid, name);
    expect(signal("SIGSTOP")).toBe(true);
    await sleep(1_000);
    const frozen = performance.now();
    await other.process.stop();
    expect(performance.now() - frozen).toBeLessThan(20_000);
    signal("SIGCONT");
    await queue.close();
    await redis.close();
    await folder.remove();
  });
});
