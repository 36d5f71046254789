import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { makeProjectionVersion, parseTenantId } from "@es/core";
import { type ContractEvent, contractEvent } from "@es/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  AggregateSourceClickHouse,
  createClickHouseAgent,
  EventStoreClickHouse,
  eventsTable,
  migrate,
  ProjectionStoreClickHouse,
  ReplayStoreClickHouse,
  replayClickHouseMigrations,
  storeClickHouseMigrations,
} from "../src/index.js";
import { newClient, newDatabaseName } from "./testDatabase.js";

const CONNECTIONS = 6;
const context = { tenantId: parseTenantId("acme") };
const database = newDatabaseName();

/** Forgets idle connections without a word, as balancers do: what a client sends on one next is answered by a reset. */
class ForgetfulProxy {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #forgotten = new WeakSet<Socket>();
  resets = 0;

  constructor(target: URL) {
    this.#server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname);
      this.#clients.add(client);
      const end = () => {
        this.#clients.delete(client);
        client.destroy();
        upstream.destroy();
      };
      client.on("data", (chunk) => {
        if (this.#forgotten.has(client)) {
          this.resets++;
          client.resetAndDestroy();
        } else upstream.write(chunk);
      });
      upstream.on("data", (chunk) => client.write(chunk));
      for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  forget(): number {
    for (const client of this.#clients) this.#forgotten.add(client);
    return this.#clients.size;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const client of this.#clients) client.destroy();
  }
}

describe("idle connections that were closed on the way to ClickHouse", () => {
  let proxy: ForgetfulProxy;
  let client: ClickHouseClient;
  let events: EventStoreClickHouse<ContractEvent>;
  let projections: ProjectionStoreClickHouse<number>;

  beforeAll(async () => {
    proxy = new ForgetfulProxy(new URL(process.env.CLICKHOUSE_URL ?? ""));
    const url = await proxy.start();
    client = createClient({
      url,
      http_agent: createClickHouseAgent(url, { maxSockets: CONNECTIONS }),
      // So that the client does not close them itself first.
      keep_alive: { idle_socket_ttl: 60_000 },
      log: { level: ClickHouseLogLevel.OFF },
    });
    await migrate(client, { database, migrations: [storeClickHouseMigrations, replayClickHouseMigrations] });
    events = new EventStoreClickHouse<ContractEvent>(client, { database });
    projections = new ProjectionStoreClickHouse<number>(client, { database });
    await events.storeEvents([contractEvent({ aggregateId: "before" })], context);
  });
  afterAll(async () => {
    await client.close();
    await proxy.close();
    const admin = newClient();
    await admin.command({ query: `DROP DATABASE IF EXISTS ${database}` });
    await admin.close();
  });
  beforeEach(async () => {
    // As many as there can be, all of them idle.
    await Promise.all(
      Array.from({ length: CONNECTIONS }, () =>
        client.query({ query: "SELECT sleep(0.1)" }).then((result) => result.text()),
      ),
    );
    expect(proxy.forget()).toBe(CONNECTIONS);
    proxy.resets = 0;
  });

  const version = makeProjectionVersion({ eventCount: 1, acceptedSum: 1n, handlerVersion: 1, revision: 0 });
  const metadata = { eventCount: 1, firstEventTimestamp: "0", lastEventTimestamp: "0" };
  const record = { aggregateId: "before", version, projection: 7, metadata };

  it.each<readonly [string, () => Promise<unknown>]>([
    ["stores events", () => events.storeEvents([contractEvent({ aggregateId: "after" })], context)],
    ["reads events", () => events.getEvents("before", context)],
    ["lists aggregates", () => events.listAggregateIds(context)],
    ["stores projections", () => projections.storeProjection(record, context)],
    ["reads projections", () => projections.getProjection("before", context)],
    ["migrates", () => migrate(client, { database, migrations: [storeClickHouseMigrations] })],
    [
      "reads replays",
      () => new ReplayStoreClickHouse(client, { database, projection: "p" }).listOpenReplayIds(),
    ],
    [
      "lists the aggregates of all tenants",
      () => new AggregateSourceClickHouse(client, { database, table: eventsTable() }).countAggregates({}),
    ],
  ])("%s on a new connection, at the second try", async (_, work) => {
    await work();
    expect(proxy.resets).toBe(1);
  });

  it("stores every one of many events that were sent at once", async () => {
    const ids = Array.from({ length: 40 }, (_, i) => `many-${i}`);
    await Promise.all(
      ids.map((aggregateId) => events.storeEvents([contractEvent({ aggregateId })], context)),
    );
    const stored = await events.getEventsOfMany(ids, context);
    expect(ids.filter((id) => stored.get(id)?.length !== 1)).toEqual([]);
  });
});

it("says that ClickHouse cannot be reached where every connection is reset", async () => {
  const server = createServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
  let connections = 0;
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
  const store = new EventStoreClickHouse<ContractEvent>(client, { database });
  await expect(store.storeEvents([contractEvent({ aggregateId: "a" })], context)).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
  });
  expect(connections).toBe(2);
  await client.close();
  server.close();
});
