import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { makeProjectionVersion, parseTenantId } from "@es/core";
import { type ContractEvent, contractEvent } from "@es/testkit";
import { freePort } from "@es/tooling-engines";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  EventStoreClickHouse,
  migrate,
  ProjectionStoreClickHouse,
  storeClickHouseMigrations,
} from "../src/index.js";

const bin = join(
  dirname(createRequire(import.meta.url).resolve("@es/clickhouse-embedded/package.json")),
  "bin/clickhouse-embedded.cjs",
);
const context = { tenantId: parseTenantId("acme") };

describe("an engine that dies while it is written to", () => {
  let dataDir: string;
  let port: number;
  let engine: ChildProcess;
  const start = async () => {
    engine = spawn(process.execPath, [bin, "--data-dir", dataDir, "--port", String(port)], {
      stdio: "ignore",
    });
    for (;;) {
      const answered = await fetch(`http://127.0.0.1:${port}/ping`).catch(() => undefined);
      if (answered?.ok === true) return;
      if (engine.exitCode !== null) throw new Error(`The engine ended with ${engine.exitCode}.`);
      await sleep(50);
    }
  };
  const kill = async () => {
    const ended = once(engine, "exit");
    engine.kill("SIGKILL");
    await ended;
  };
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "es-outage-"));
    port = await freePort();
    await start();
  });
  afterAll(async () => {
    if (engine.exitCode === null && engine.signalCode === null) await kill();
    await rm(dataDir, { recursive: true, force: true });
  });

  it("keeps everything it acknowledged, and the same stores work on when it is back", async () => {
    const client = createClient({ url: `http://127.0.0.1:${port}`, log: { level: ClickHouseLogLevel.OFF } });
    const database = "outage";
    await migrate(client, { database, migrations: [storeClickHouseMigrations] });
    const events = new EventStoreClickHouse<ContractEvent>(client, { database });
    const projections = new ProjectionStoreClickHouse<number>(client, { database });

    const stored = new Set<string>();
    const projected = new Map<string, bigint>();
    const failures: unknown[] = [];
    let dead = false;
    const writer = async (name: string) => {
      for (let i = 0; !dead || i === 0; i++) {
        const aggregateId = `${name}-${i}`;
        const version = makeProjectionVersion({
          eventCount: 1,
          acceptedSum: BigInt(i),
          handlerVersion: 1,
          revision: 0,
        });
        const metadata = { eventCount: 1, firstEventTimestamp: "0", lastEventTimestamp: "0" };
        try {
          await events.storeEvents([contractEvent({ aggregateId })], context);
          stored.add(aggregateId);
          await projections.storeProjection({ aggregateId: name, version, projection: i, metadata }, context);
          projected.set(name, version);
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const writers = Array.from({ length: 20 }, (_, i) => writer(`writer-${i}`));
    while (projected.size < 20) await sleep(5);
    await kill();
    dead = true;
    await Promise.all(writers);

    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures)
      expect(failure).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    await start();

    const read = await events.getEventsOfMany([...stored], context);
    expect([...stored].filter((id) => read.get(id)?.length !== 1)).toEqual([]);
    for (const [name, version] of projected) {
      const projection = await projections.getProjection(name, context);
      expect(projection.status === "found" && projection.record.version >= version).toBe(true);
    }
    await events.storeEvents([contractEvent({ aggregateId: "after" })], context);
    expect(await events.getEvents("after", context)).toHaveLength(1);
    await client.close();
  });
});
