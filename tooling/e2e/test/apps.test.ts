import { randomUUID } from "node:crypto";
import { createClient } from "@clickhouse/client";
import { freePort } from "@es/tooling-engines";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, startEngine, untilReady } from "./apps.js";
import { chatProjection, exporters, makeSpan, sendChatThroughSdk, sendSpans } from "./otlpClient.js";
import { killLeftovers, type RunningProcess, temporaryFolder, until } from "./processes.js";
import { allProjections, completeProjection } from "./readApi.js";

type App = Awaited<ReturnType<typeof startApp>>;

const redisUrl = process.env.REDIS_URL ?? "";
const unique = () => randomUUID().replaceAll("-", "");

afterAll(killLeftovers);

describe("two ingests, two workers and a console", () => {
  const clickhouseUrl = process.env.CLICKHOUSE_URL ?? "";
  const database = `e2e_${unique()}`;
  const environment = {
    CLICKHOUSE_URL: clickhouseUrl,
    CLICKHOUSE_DATABASE: database,
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: `{e2e-${unique()}}`,
  };
  let ingests: App[];
  let workers: App[];
  let console: App;

  beforeAll(async () => {
    // All at once: five processes bring one empty database up to date.
    const [ingestA, ingestB, workerA, workerB, reader] = await Promise.all([
      startApp("ingest", environment),
      startApp("ingest", environment),
      startApp("worker", environment),
      startApp("worker", environment),
      startApp("console", environment),
    ]);
    ingests = [ingestA, ingestB];
    workers = [workerA, workerB];
    console = reader;
    await Promise.all([...ingests, ...workers, console].map(({ url }) => untilReady(url)));
  }, 120_000);

  afterAll(async () => {
    const codes = await Promise.all([...ingests, ...workers, console].map(({ process }) => process.stop()));
    expect(codes).toEqual([0, 0, 0, 0, 0]);
    const client = createClient({ url: clickhouseUrl });
    await client.command({ query: `DROP DATABASE ${database}` });
    await client.close();
  });

  it.each(exporters)("project what the real SDK sends: $encoding, $compression", async (exporter) => {
    const [first, second] = ingests;
    for (const ingest of [first, second]) {
      const traceId = await sendChatThroughSdk(ingest?.url ?? "", exporter);
      const projection = await completeProjection(console.url, traceId, 3);
      expect(projection).toMatchObject({ ...chatProjection, traceId });
      expect(projection.input).toMatchObject({ text: "Is the blue mug in stock?" });
      expect(projection.output).toMatchObject({ text: "Yes, three are left." });
    }
  });

  it("agree on traces whose spans arrive at both, several times", async () => {
    const traces = Array.from({ length: 200 }, () => {
      const root = makeSpan();
      return [
        root,
        ...Array.from({ length: 4 }, () => makeSpan({ traceId: root.traceId, parentSpanId: root.spanId })),
      ];
    });
    const all = traces.flat();
    const reversed = [...all].reverse();
    await Promise.all([
      ...ingests.map(({ url }) => sendSpans(url, all)),
      ...ingests.map(({ url }) => sendSpans(url, reversed.slice(0, 500))),
    ]);
    for (const [root] of traces) {
      const projection = await completeProjection(console.url, root?.traceId ?? "", 5);
      expect(projection.spanCount).toBe(5);
    }
  });

  it("go on when one worker is killed", async () => {
    const [first, second] = workers;
    const spans = Array.from({ length: 100 }, () => makeSpan());
    await sendSpans(ingests[0]?.url ?? "", spans.slice(0, 50));
    first?.process.kill("SIGKILL");
    await sendSpans(ingests[1]?.url ?? "", spans.slice(50));
    for (const { traceId } of spans) await completeProjection(console.url, traceId, 1);
    workers = [await startApp("worker", environment), ...(second === undefined ? [] : [second])];
    await untilReady(workers[0]?.url ?? "");
  }, 120_000);
});

describe("without ClickHouse", () => {
  let engine: RunningProcess | undefined;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let port: number;
  const apps: App[] = [];

  beforeAll(async () => {
    folder = await temporaryFolder();
    port = await freePort();
  });
  afterAll(async () => {
    await Promise.all(apps.map(({ process }) => process.stop()));
    await engine?.stop();
    await folder.remove();
  });

  it("apps start, say so, and recover by themselves; nothing acknowledged is lost", {
    timeout: 180_000,
  }, async () => {
    const environment = {
      CLICKHOUSE_URL: `http://127.0.0.1:${port}`,
      REDIS_URL: redisUrl,
      QUEUE_PREFIX: `{e2e-${unique()}}`,
      RECONCILE_INTERVAL_MS: "500",
    };
    const ingest = await startApp("ingest", environment);
    const worker = await startApp("worker", environment);
    const console = await startApp("console", environment);
    apps.push(ingest, worker, console);

    // Not there at start.
    const refused = await fetch(`${ingest.url}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        resourceSpans: [
          { scopeSpans: [{ spans: [{ traceId: "1".repeat(32), spanId: "1".repeat(16), name: "early" }] }] },
        ],
      }),
    });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ message: expect.stringContaining("send again") });
    for (const { url } of apps) {
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      const ready = await fetch(`${url}/readyz`);
      expect(ready.status).toBe(503);
      expect(JSON.stringify(await ready.json())).toContain("clickhouse");
    }
    expect((await fetch(`${console.url}/api/traces`)).status).toBe(503);
    expect(ingest.process.output()).toContain(String(port));

    // It comes up.
    engine = await startEngine(folder.path, port);
    await Promise.all(apps.map(({ url }) => untilReady(url)));
    const acknowledged: string[] = [];
    let answers = 0;
    let refusals = 0;
    let stop = false;
    const load = (async () => {
      while (!stop) {
        const span = makeSpan();
        const status = await sendSpans(ingest.url, [span]);
        answers++;
        if (status === 200) acknowledged.push(span.traceId);
        else {
          expect(status).toBe(503);
          refusals++;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
    })();

    // It dies in flight, and comes back.
    await until("spans are acknowledged", () => (acknowledged.length > 20 ? true : undefined));
    engine.kill("SIGKILL");
    await engine.ended;
    await until("spans are refused", () => (refusals > 3 ? true : undefined));
    expect((await fetch(`${console.url}/api/traces`)).status).toBe(503);
    engine = await startEngine(folder.path, port);
    const before = acknowledged.length;
    await until("spans are acknowledged again", () => (acknowledged.length > before + 20 ? true : undefined));
    stop = true;
    await load;
    expect(acknowledged.length + refusals).toBe(answers);

    for (const traceId of acknowledged) await completeProjection(console.url, traceId, 1);
    const stored = new Set((await allProjections(console.url)).map(({ traceId }) => traceId));
    expect(acknowledged.filter((traceId) => !stored.has(traceId))).toEqual([]);
  });
});

describe("without Redis", () => {
  it("spans are still acknowledged, and projected once it is there", { timeout: 120_000 }, async () => {
    const clickhouseUrl = process.env.CLICKHOUSE_URL ?? "";
    const database = `e2e_${unique()}`;
    const environment = {
      CLICKHOUSE_URL: clickhouseUrl,
      CLICKHOUSE_DATABASE: database,
      QUEUE_PREFIX: `{e2e-${unique()}}`,
    };
    const ingest = await startApp("ingest", {
      ...environment,
      REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
    });
    await untilReady(ingest.url);
    const spans = Array.from({ length: 20 }, () => makeSpan());
    expect(await sendSpans(ingest.url, spans)).toBe(200);
    // These have Redis; the reconciler finds what was never scheduled.
    const worker = await startApp("worker", { ...environment, REDIS_URL: redisUrl });
    const console = await startApp("console", environment);
    for (const { traceId } of spans) {
      await until(
        `${traceId} is projected`,
        async () => ((await fetch(`${console.url}/api/traces/${traceId}`)).status === 200 ? true : undefined),
        { watch: worker.process },
      );
    }
    expect(await Promise.all([ingest, worker, console].map(({ process }) => process.stop()))).toEqual([
      0, 0, 0,
    ]);
    const client = createClient({ url: clickhouseUrl });
    await client.command({ query: `DROP DATABASE ${database}` });
    await client.close();
  });
});

describe("an app with a wrong configuration", () => {
  it.each(["ingest", "worker", "console"] as const)("%s says what is wrong and ends", async (app) => {
    await expect(startApp(app, { CLICKHOUSE_URL: "localhost" })).rejects.toThrow(
      /CLICKHOUSE_URL is "…": expected a URL that begins with http:\/\/ or https:\/\//,
    );
  });
});
