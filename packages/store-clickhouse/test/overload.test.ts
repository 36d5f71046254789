import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { parseTenantId } from "@es/core";
import { EngineProbe, waitForEngine } from "@es/processing";
import { type ContractEvent, contractEvent } from "@es/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { EventStoreClickHouse } from "../src/index.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

const waiting = { timeout: 30_000, interval: 10 };
const context = { tenantId: parseTenantId("acme") };
const event = (aggregateId: string, data: unknown = { value: 1 }) => contractEvent({ aggregateId, data });

describe("a ClickHouse that has too much to do", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await newTestDatabase();
  });
  afterAll(() => db.drop());
  const store = (options: ConstructorParameters<typeof EventStoreClickHouse<ContractEvent>>[1] = {}) =>
    new EventStoreClickHouse<ContractEvent>(db.client, { database: db.database, ...options });

  describe("with too many parts", () => {
    const table = () => `${db.database}.events`;
    beforeAll(async () => {
      await db.client.command({
        query: `ALTER TABLE ${table()} MODIFY SETTING parts_to_throw_insert = 3, parts_to_delay_insert = 3`,
      });
      await db.client.command({ query: `SYSTEM STOP MERGES ${table()}` });
      const fill = async () => {
        // One part each: the server's default would gather them.
        for (let i = 0; i < 50; i++) {
          await db.client.insert({
            table: table(),
            values: [{ TenantId: "filler", AggregateId: `${i}`, EventId: "1", AcceptedAt: "1" }],
            format: "JSONEachRow",
            clickhouse_settings: { async_insert: 0 },
          });
        }
      };
      await expect(fill()).rejects.toMatchObject({ type: "TOO_MANY_PARTS" });
    });
    afterAll(async () => {
      await db.client.command({ query: `SYSTEM START MERGES ${table()}` });
      await db.client.command({
        query: `ALTER TABLE ${table()} RESET SETTING parts_to_throw_insert, parts_to_delay_insert`,
      });
    });

    it("writes are refused once they waited too long, and what comes meanwhile past the bounds at once", async () => {
      const writes = store({
        writeLimits: { maxWaitMs: 1_000, maxItems: 1, maxConcurrent: 1, maxQueuedItems: 2 },
      });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 6 }, (_, i) => writes.storeEvents([event(`refused-${i}`)], context)),
      );
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({
          status: "rejected",
          reason: { code: "STORE_OVERLOADED", retryable: true },
        });
      }
      const reasons = outcomes.map((outcome) => outcome.status === "rejected" && String(outcome.reason));
      expect(reasons.some((reason) => reason && /TOO_MANY_PARTS/.test(reason))).toBe(true);
      expect(reasons.some((reason) => reason && /wait already/.test(reason))).toBe(true);
    }, 60_000);

    it("writes go through as soon as parts are merged, and nobody notices", async () => {
      const writes = store({ writeLimits: { maxWaitMs: 120_000, maxItems: 10 } });
      let done = false;
      const writing = Promise.all(
        Array.from({ length: 50 }, (_, i) => writes.storeEvents([event(`slow-${i}`)], context)),
      ).finally(() => {
        done = true;
      });
      await sleep(500);
      expect(done).toBe(false);
      await db.client.command({ query: `SYSTEM START MERGES ${table()}` });
      // What background merges would do in their own time.
      const merging = (async () => {
        while (!done) {
          await db.optimize("events");
          await sleep(50);
        }
      })();
      await writing;
      await merging;
      const read = await writes.getEventsOfMany(
        Array.from({ length: 50 }, (_, i) => `slow-${i}`),
        context,
      );
      expect([...read.values()].map((events) => events.length)).toEqual(Array.from({ length: 50 }, () => 1));
    }, 180_000);
  });

  it("reads an aggregate that takes too much memory without failing those that were asked for with it", async () => {
    const writes = store();
    await writes.storeEvents(
      Array.from({ length: 20 }, (_, i) => event(`small-${i}`)),
      context,
    );
    await db.client.command({
      query:
        `INSERT INTO ${db.database}.events (TenantId, AggregateId, EventId, AcceptedAt, Data) ` +
        `SELECT 'acme', 'huge', toString(number), 1, repeat('x', 2000) FROM numbers(60000)`,
    });
    const reads = store({
      // Sorted in memory: read in the order of the key, it takes little.
      readSettings: { max_memory_usage: "60000000", max_threads: 1, optimize_read_in_order: 0 },
      readLimits: { maxWaitMs: 1_000 },
    });
    const ids = [...Array.from({ length: 20 }, (_, i) => `small-${i}`), "huge"];
    const outcomes = await Promise.allSettled(ids.map((id) => reads.getEvents(id, context)));
    expect(outcomes.slice(0, 20).map(({ status }) => status)).toEqual(
      Array.from({ length: 20 }, () => "fulfilled"),
    );
    expect(outcomes[20]).toMatchObject({
      status: "rejected",
      reason: { code: "STORE_OVERLOADED", fields: { clickhouseType: "MEMORY_LIMIT_EXCEEDED" } },
    });
  }, 60_000);

  it("says that a query took too long", async () => {
    const slow = store({
      readSettings: { max_execution_time: 0.001, timeout_overflow_mode: "throw" },
      readLimits: { maxWaitMs: 1 },
    });
    await expect(slow.getEvents("huge", context)).rejects.toMatchObject({
      code: "STORE_OVERLOADED",
      fields: { clickhouseType: "TIMEOUT_EXCEEDED" },
    });
  }, 60_000);
});

/** Stands between a store and the engine, and passes on, holds back, or cuts what goes through. */
class EngineProxy {
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #holding = false;

  constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((client) => {
      const engine = connect(Number(target.port), target.hostname);
      for (const socket of [client, engine]) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          this.#sockets.delete(socket);
          client.destroy();
          engine.destroy();
        });
        if (this.#holding) socket.pause();
      }
      client.on("data", (data) => void engine.write(data));
      engine.on("data", (data) => void client.write(data));
      if (this.#holding) for (const socket of [client, engine]) socket.pause();
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    // With the credentials of the engine behind it.
    const url = new URL(this.#target);
    url.hostname = "127.0.0.1";
    url.port = String(address.port);
    return url.href;
  }

  hold(): void {
    this.#holding = true;
    for (const socket of this.#sockets) socket.pause();
  }

  release(): void {
    this.#holding = false;
    for (const socket of this.#sockets) socket.resume();
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}

describe("a ClickHouse that does not answer", () => {
  let db: TestDatabase;
  let proxy: EngineProxy;
  let url: string;
  beforeAll(async () => {
    db = await newTestDatabase();
    proxy = new EngineProxy(new URL(process.env.CLICKHOUSE_URL ?? ""));
    url = await proxy.start();
  });
  afterEach(() => proxy.release());
  afterAll(async () => {
    await proxy.close();
    await db.drop();
  });

  const through = (requestTimeoutMs: number) => {
    const client = createClient({
      url,
      request_timeout: requestTimeoutMs,
      log: { level: ClickHouseLogLevel.OFF },
    });
    return { client, store: new EventStoreClickHouse<ContractEvent>(client, { database: db.database }) };
  };

  /** Past the proxy, with all the time it takes. */
  const stored = (aggregateId: string) =>
    new EventStoreClickHouse<ContractEvent>(db.client, { database: db.database }).storeEvents(
      [event(aggregateId)],
      context,
    );

  it("is unavailable when the request times out, and when the connection is cut in the middle", async () => {
    await stored("a");
    const { client, store } = through(500);
    proxy.hold();
    const unavailable = { code: "STORE_UNAVAILABLE", retryable: true };
    await expect(store.getEvents("a", context)).rejects.toMatchObject(unavailable);
    await expect(store.storeEvents([event("b")], context)).rejects.toMatchObject(unavailable);
    const patient = through(60_000);
    let over = false;
    const reading = patient.store
      .getEvents("a", context)
      .catch((error: unknown) => error)
      .finally(() => {
        over = true;
      });
    while (!over) {
      proxy.cut();
      await sleep(20);
    }
    expect(await reading).toMatchObject(unavailable);
    proxy.release();
    await vi.waitFor(async () => expect(await store.getEvents("a", context)).toHaveLength(1), waiting);
    await client.close();
    await patient.client.close();
  }, 60_000);

  it("lets runs wait until it does, each tried once by the queue", async () => {
    await stored("run");
    const { client, store } = through(300);
    const [onAway, onBack] = [vi.fn(), vi.fn()];
    const probe = new EngineProbe({
      probe: async () => {
        const pong = await client.ping();
        if (!pong.success) throw pong.error;
      },
      timeoutMs: 300,
      firstDelayMs: 50,
      onAway,
      onBack,
    });
    const done = vi.fn();
    const run = waitForEngine(async ({ aggregateId, tenantId }) => {
      done(await store.getEvents(aggregateId, { tenantId }));
    }, probe);
    proxy.hold();
    const runs = Promise.all(
      Array.from({ length: 20 }, () =>
        run({ ...context, aggregateId: "run" }, { attempt: 1, signal: new AbortController().signal }),
      ),
    );
    await vi.waitFor(() => expect(onAway).toHaveBeenCalledTimes(1), waiting);
    await sleep(1_000);
    expect(done).not.toHaveBeenCalled();
    proxy.release();
    await runs;
    expect(done).toHaveBeenCalledTimes(20);
    expect(onBack).toHaveBeenCalled();
    await client.close();
  }, 60_000);
});
