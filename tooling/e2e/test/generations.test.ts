import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import { readStandaloneConfig, type StandaloneAddresses, startStandalone } from "@es/app-standalone";
import { createEventStream, type EventStream, parseTenantId } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import { Closers, createLogger } from "@es/host";
import type { GenerationComparison } from "@es/processing";
import { freePort } from "@es/tooling-engines";
import { spanEventStoreClickHouse } from "@es/trace-clickhouse";
import { type SpanEvent, type TraceProjection, TraceProjectionEventHandler } from "@es/trace-projection";
import { openTraceStore } from "@es/trace-wiring";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, untilReady } from "./apps.js";
import { makeSpan, sendSpans } from "./otlpClient.js";
import { killLeftovers, temporaryFolder, until } from "./processes.js";
import { completeProjection, projectionOf } from "./readApi.js";

/** The next version of the handler: it shouts names, and cannot fold some traces yet. */
class ShoutingHandler extends TraceProjectionEventHandler {
  readonly refused = new Set<string>();

  constructor() {
    super({ version: 2 });
  }

  override handle(stream: EventStream<string, SpanEvent>): TraceProjection {
    if (this.refused.has(stream.aggregateId)) throw new Error("not yet");
    const projection = super.handle(stream);
    return { ...projection, name: projection.name.toUpperCase() };
  }
}

const logger = createLogger({ name: "generations-test", defaultLevel: "fatal" });
const tenantId = parseTenantId("default");

afterAll(killLeftovers);

describe("a new version of the handler beside live traffic", () => {
  const [first, second] = [new TraceProjectionEventHandler(), new ShoutingHandler()];
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let running: StandaloneAddresses;
  const closers = new Closers();
  let client: ClickHouseClient;
  /** Spans acknowledged, by trace. */
  const sent = new Map<string, number>();

  beforeAll(async () => {
    folder = await temporaryFolder();
    const [port, password] = [await freePort(), randomUUID()];
    const config = readStandaloneConfig({
      INGEST_PORT: "0",
      CONSOLE_PORT: "0",
      WORKER_PORT: "0",
      CLICKHOUSE_PORT: String(port),
      CLICKHOUSE_PASSWORD: password,
      DATA_DIR: folder.path,
      QUEUE_DELAY_MS: "20",
      RECONCILE_INTERVAL_MS: "300",
    });
    running = await startStandalone(config, { logger, closers }, { handlers: [first, second] });
    client = createClient({ url: `http://127.0.0.1:${port}`, password, database: "es" });
  });
  afterAll(async () => {
    await client?.close();
    await closers.close();
    await folder?.remove();
  });

  async function post<T>(path: string, body: object = {}): Promise<T> {
    const response = await fetch(`${running.operationsUrl}/operations/generations/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as T & { error?: { code: string; message: string } };
    if (!response.ok) throw new Error(`${response.status} ${answer.error?.code} ${answer.error?.message}`);
    return answer;
  }

  async function send(traceId: string): Promise<void> {
    const count = sent.get(traceId) ?? 0;
    const status = await sendSpans(running.ingestUrl, [
      makeSpan({
        traceId,
        name: count === 0 ? "checkout" : "step",
        startTimeUnixNano: 1_700_000_000_000_000_000n + BigInt(count),
      }),
    ]);
    expect(status).toBe(200);
    sent.set(traceId, count + 1);
  }
  const newTraceId = () => makeSpan().traceId;
  const compareAll = () => post<GenerationComparison>("2/compare", { all: true });

  /** The bytes of every projection of a generation, by trace. */
  async function rowsOf(table: string): Promise<ReadonlyMap<string, string>> {
    const result = await client.query({
      query: `SELECT TraceId AS id, Projection AS text FROM ${table} ORDER BY Version DESC LIMIT 1 BY TenantId, TraceId`,
      format: "JSONEachRow",
    });
    const rows = await result.json<{ id: string; text: string }>();
    return new Map(rows.map(({ id, text }) => [id, text]));
  }

  /** What the rows must be: the pure fold of all that is stored of each trace. */
  async function foldsBy(handler: TraceProjectionEventHandler): Promise<ReadonlyMap<string, string>> {
    const read = await spanEventStoreClickHouse(client).getEventsOfMany([...sent.keys()], { tenantId });
    return new Map(
      [...read].map(([traceId, events]) => [
        traceId,
        canonicalJson(handler.handle(createEventStream(traceId, events))),
      ]),
    );
  }

  async function untilRowsAreFolds(table: string, handler: TraceProjectionEventHandler): Promise<void> {
    await until(`${table} holds the folds of all that is stored`, async () => {
      const [rows, folds] = [await rowsOf(table), await foldsBy(handler)];
      return folds.size === rows.size && [...folds].every(([id, text]) => rows.get(id) === text)
        ? true
        : undefined;
    });
  }

  it("is built, compared, switched to within a second, rolled back from, and harms nobody", {
    timeout: 240_000,
  }, async () => {
    // Before there is anything but the first version.
    const early = Array.from({ length: 40 }, newTraceId);
    await Promise.all(early.map(send));
    for (const traceId of early) await completeProjection(running.consoleUrl, traceId, 1);
    const poison = early[7] as string;
    second.refused.add(poison);

    // Spans of old and of new traces, from here to the end. A comparison reads them all: on a slow machine, too, it must
    // be faster than what it reads grows.
    let stop = false;
    const traffic = (async () => {
      for (let i = 0; !stop; i++) {
        await send(early[i % early.length] as string);
        if (i % 5 === 0) await send(newTraceId());
        await sleep(50);
      }
    })();

    await post("2/begin");
    const report = await until("all but the refused trace are built", async () => {
      const comparison = await compareAll();
      return comparison.onlyFrom === 1 && comparison.different > early.length ? comparison : undefined;
    });
    expect(report.fields.map(({ field }) => field)).toEqual(["/name"]);
    expect(report.fields[0]?.examples[0]).toMatchObject({ from: '"checkout"', to: '"CHECKOUT"' });
    expect(report).toMatchObject({ same: 0, onlyTo: 0, undecodable: 0, inNeither: 0, otherFields: 0 });

    // What it cannot fold is served as before, and keeps it from serving.
    await send(poison);
    await completeProjection(running.consoleUrl, poison, sent.get(poison) ?? 0);
    await expect(post("2/switch")).rejects.toThrow(new RegExp(`409 GENERATION_REFUSED.*${poison}`, "s"));
    expect(await projectionOf(running.consoleUrl, poison)).toMatchObject({ name: "checkout" });

    second.refused.clear();
    await until("the refused trace is built", async () =>
      (await compareAll()).onlyFrom === 0 ? true : undefined,
    );
    await post("2/switch");
    await sleep(1_000);
    for (const traceId of early) {
      expect(await projectionOf(running.consoleUrl, traceId)).toMatchObject({ name: "CHECKOUT" });
    }
    const list = (await (await fetch(`${running.consoleUrl}/api/traces?limit=500`)).json()) as {
      traces: { name: string }[];
    };
    expect(new Set(list.traces.map(({ name }) => name))).toEqual(new Set(["CHECKOUT"]));

    // Both are kept up by what comes after the switch, and each holds what its own handler makes of it.
    const late = Array.from({ length: 20 }, newTraceId);
    await Promise.all(late.map(send));
    await Promise.all(late.map(send));
    stop = true;
    await traffic;
    await untilRowsAreFolds("trace_projections", first);
    await untilRowsAreFolds("trace_projections_v2", second);
    for (const table of ["trace_projections", "trace_projections_v2"]) {
      await client.command({ query: `OPTIMIZE TABLE ${table} FINAL` });
    }
    expect(await rowsOf("trace_projections")).toEqual(await foldsBy(first));
    expect(await rowsOf("trace_projections_v2")).toEqual(await foldsBy(second));
    expect(await compareAll()).toMatchObject({ compared: sent.size, different: 0, same: sent.size });

    // Back: nothing has to be built again.
    expect(await post("rollback")).toMatchObject({ serving: 1, previous: null });
    await sleep(1_000);
    for (const [traceId, count] of sent) {
      expect(await projectionOf(running.consoleUrl, traceId)).toMatchObject({
        name: "checkout",
        spanCount: count,
      });
    }
    expect(await rowsOf("trace_projections")).toEqual(await foldsBy(first));

    // What is retired is left alone, and can be removed.
    await post("2/retire");
    await post("2/drop");
    await send(late[0] as string);
    await completeProjection(running.consoleUrl, late[0] as string, 3);
    await untilRowsAreFolds("trace_projections", first);
    expect((await rowsOf("trace_projections_v2")).size).toBe(0);
    await expect(post("2/switch")).rejects.toThrow(/409 GENERATION_REFUSED/);
  });
});

describe("a worker of the version before", () => {
  it("says that it has no handler for what is built, and goes on", { timeout: 120_000 }, async () => {
    const clickhouse = {
      CLICKHOUSE_URL: process.env.CLICKHOUSE_URL ?? "",
      CLICKHOUSE_DATABASE: `e2e_${randomUUID().replaceAll("-", "")}`,
    };
    const environment = {
      ...clickhouse,
      REDIS_URL: process.env.REDIS_URL ?? "",
      QUEUE_PREFIX: `{e2e-${randomUUID()}}`,
    };
    const handlers = [new TraceProjectionEventHandler(), new ShoutingHandler()];
    const store = openTraceStore(clickhouse, logger, { handlers });
    await store.opened;
    const [ingest, worker, console] = await Promise.all([
      startApp("ingest", environment),
      startApp("worker", environment),
      startApp("console", environment),
    ]);
    await Promise.all([ingest, worker, console].map(({ url }) => untilReady(url)));
    await store.generations.operations.begin(2);

    const ready = await until("it says so", async () => {
      const response = await fetch(`${worker.url}/readyz`);
      const body = (await response.json()) as { checks: { generations: string } };
      return body.checks.generations === "ok" ? undefined : { ...body, status: response.status };
    });
    expect(ready).toMatchObject({
      status: 200,
      checks: { generations: "ok: no handler for live generations 2; there are for 1" },
    });
    const span = makeSpan({ name: "checkout" });
    await sendSpans(ingest.url, [span]);
    expect(await completeProjection(console.url, span.traceId, 1)).toMatchObject({ name: "checkout" });

    // One that starts now says so in its log.
    const another = await startApp("worker", environment);
    await until("it is logged", () => (/no handler for/.test(another.process.output()) ? true : undefined));

    // Nothing is left to an old worker once its generation is retired.
    await store.generations.operations.switchTo(2, { force: true });
    await store.generations.operations.retire(1);
    await until("it is not ready any more", async () =>
      (await fetch(`${worker.url}/readyz`)).status === 503 ? true : undefined,
    );
    expect(
      await Promise.all([ingest, worker, console, another].map(({ process }) => process.stop())),
    ).toEqual([0, 0, 0, 0]);
    await store.close();
    const client = createClient({ url: clickhouse.CLICKHOUSE_URL });
    await client.command({ query: `DROP DATABASE ${clickhouse.CLICKHOUSE_DATABASE}` });
    await client.close();
  });
});
