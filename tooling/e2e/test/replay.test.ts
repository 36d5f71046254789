import { randomUUID } from "node:crypto";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import type { OtlpSpan } from "@es/otlp";
import { demoTraces } from "@es/trace-projection/demo";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, untilReady } from "./apps.js";
import { makeSpan, sendSpans } from "./otlpClient.js";
import { killLeftovers, startProcess, until } from "./processes.js";

type App = Awaited<ReturnType<typeof startApp>>;

interface ReplayAnswer {
  readonly id: string;
  readonly state: string;
  readonly total: number;
  readonly processed: number;
  readonly rebuilt: number;
  readonly failed: number;
  readonly remainingMs: number | null;
}

const unique = () => randomUUID().replaceAll("-", "");
const clickhouseUrl = process.env.CLICKHOUSE_URL ?? "";
/** 2 ** 64: one version of a handler less, see `ProjectionVersion`. */
const ONE_HANDLER_VERSION = "18446744073709551616";

afterAll(killLeftovers);

describe("replay", () => {
  const database = `e2e_${unique()}`;
  const environment = {
    CLICKHOUSE_URL: clickhouseUrl,
    CLICKHOUSE_DATABASE: database,
    REDIS_URL: process.env.REDIS_URL ?? "",
    QUEUE_PREFIX: `{e2e-${unique()}}`,
    // It would schedule what the replay is there to rebuild.
    RECONCILE_INTERVAL_MS: "0",
  };
  let client: ClickHouseClient;
  let ingests: readonly App[];
  const stopped: Promise<unknown>[] = [];

  const startWorker = async () => {
    const worker = await startApp("worker", environment);
    await untilReady(worker.url);
    return worker;
  };

  /** The command line, as a process. */
  async function es(worker: App, ...args: string[]): Promise<ReplayAnswer> {
    const command = startProcess("packages/operations/bin/es.js", { OPERATIONS_URL: worker.url }, [
      ...args,
      "--json",
    ]);
    expect(await command.ended, command.output()).toBe(0);
    return JSON.parse(command.output()) as ReplayAnswer;
  }

  const show = (worker: App, id: string) => es(worker, "replay", "show", id);

  /** What the command line shows, without a process for each look. */
  async function look(worker: App, id: string): Promise<ReplayAnswer> {
    const response = await fetch(`${worker.url}/operations/replays/${id}`);
    expect(response.status).toBe(200);
    return (await response.json()) as ReplayAnswer;
  }

  async function untilDone(worker: App, id: string): Promise<ReplayAnswer> {
    await until(
      "the replay is done",
      async () => ((await look(worker, id)).state === "done" ? true : undefined),
      { timeoutMs: 180_000, watch: worker.process },
    );
    return show(worker, id);
  }

  const command = (query: string) => client.command({ query });

  /** Every column of every row, as ClickHouse writes it. */
  async function rowsOf(table: string): Promise<readonly string[]> {
    const key = table === "spans" ? "TenantId, TraceId, SpanId" : "TenantId, TraceId";
    const result = await client.query({
      query: `SELECT * FROM ${database}.${table} FINAL ORDER BY ${key}`,
      format: "TabSeparatedWithNamesAndTypes",
    });
    return (await result.text()).trimEnd().split("\n");
  }

  async function lagging(): Promise<number> {
    const result = await client.query({
      query:
        `SELECT (SELECT count() FROM ${database}.spans FINAL) - ` +
        `(SELECT sum(SpanCount) FROM ${database}.trace_projections FINAL) AS n`,
      format: "JSONEachRow",
    });
    return Number((await result.json<{ n: string }>())[0]?.n);
  }

  const untilProjected = () =>
    until("every span is projected", async () => ((await lagging()) === 0 ? true : undefined), {
      timeoutMs: 180_000,
    });

  async function sendToAll(spans: readonly OtlpSpan[]): Promise<void> {
    for (const { url } of ingests) expect(await sendSpans(url, spans)).toBe(200);
  }

  async function expectNoEffects(worker: App, spans: readonly string[]): Promise<void> {
    const counts = (await es(worker, "queue")) as unknown as object;
    expect(counts).toMatchObject({ pending: 0, active: 0, deadLetters: 0 });
    expect(await rowsOf("spans")).toEqual(spans);
  }

  beforeAll(async () => {
    client = createClient({ url: clickhouseUrl });
    // Two tenants with the same trace ids.
    ingests = await Promise.all(
      ["acme", "globex"].map((tenant) => startApp("ingest", { ...environment, TENANT_ID: tenant })),
    );
    await Promise.all(ingests.map(({ url }) => untilReady(url)));
  }, 120_000);

  afterAll(async () => {
    await Promise.all([...ingests.map(({ process }) => process.stop()), ...stopped]);
    await command(`DROP DATABASE IF EXISTS ${database}`);
    await client.close();
  });

  it("ends in the same rows as live processing, also if its worker is killed in the middle and spans keep arriving", {
    timeout: 600_000,
  }, async () => {
    const first = await startWorker();
    const rich = demoTraces({ now: 1_700_000_000_000_000_000n });
    const plain = Array.from({ length: 300 }, () => {
      const root = makeSpan();
      return [root, makeSpan({ traceId: root.traceId, parentSpanId: root.spanId, name: "inner" })];
    });
    for (const { batches } of rich) for (const batch of batches) await sendToAll(batch);
    await sendToAll(plain.flat());
    await untilProjected();
    const live = await rowsOf("trace_projections");
    const spans = await rowsOf("spans");
    // Two lines of names and types.
    const total = live.length - 2;
    expect(total).toBe(2 * (rich.length + plain.length));

    // What an older handler would have left: nothing lags, and every row differs.
    await command(
      `CREATE TABLE ${database}.live ENGINE = Memory AS SELECT * FROM ${database}.trace_projections FINAL`,
    );
    await command(`TRUNCATE TABLE ${database}.trace_projections`);
    await command(
      `INSERT INTO ${database}.trace_projections SELECT * REPLACE(` +
        `Version - toUInt256('${ONE_HANDLER_VERSION}') AS Version, 'stale' AS Name, '{}' AS Projection) ` +
        `FROM ${database}.live`,
    );

    const { id, state } = await es(first, "replay", "start", "--rate", "120");
    expect(state).toBe("pending");
    await until("a third is done", async () => {
      const { processed } = await look(first, id);
      return processed > total / 3 ? true : undefined;
    });
    first.process.kill("SIGKILL");
    await first.process.ended;
    const stale = (await rowsOf("trace_projections")).filter((row) => row.includes("\tstale\t")).length;
    expect(stale).toBeGreaterThan(0);
    expect(stale).toBeLessThan(total);

    const second = await startWorker();
    stopped.push(second.process.ended);
    const left = await show(second, id);
    expect(left).toMatchObject({ state: "running", total, failed: 0 });
    const done = await untilDone(second, id);
    expect(second.process.output()).toMatch(/"cursor":"[^"]+".*"Working on a replay"/);
    expect(done).toMatchObject({ rebuilt: total, processed: total, failed: 0, remainingMs: null });
    expect(await rowsOf("trace_projections")).toEqual(live);
    await expectNoEffects(second, spans);

    // Beside live ingest: late spans to traces the replay rebuilds.
    const again = await es(second, "replay", "start", "--rate", "300", "--force");
    for (const [root] of plain.slice(0, 150)) {
      await sendToAll([
        makeSpan({ traceId: root?.traceId ?? "", parentSpanId: root?.spanId ?? "", name: "late" }),
      ]);
    }
    await untilDone(second, again.id);
    await untilProjected();
    const afterLive = withoutVersions(await rowsOf("trace_projections"));
    const spansAfter = await rowsOf("spans");

    await command(`TRUNCATE TABLE ${database}.trace_projections`);
    const last = await es(second, "replay", "start", "--rate", "0");
    await untilDone(second, last.id);
    expect(withoutVersions(await rowsOf("trace_projections"))).toEqual(afterLive);
    await expectNoEffects(second, spansAfter);
    second.process.kill("SIGTERM");
    expect(await second.process.ended).toBe(0);
  });
});

/** A forced rebuild is told from others by its version alone. */
function withoutVersions(rows: readonly string[]): readonly string[] {
  const column = (rows[0] ?? "").split("\t").indexOf("Version");
  return rows.map((row) => row.split("\t").toSpliced(column, 1).join("\t"));
}
