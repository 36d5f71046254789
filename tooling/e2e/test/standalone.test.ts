import { createServer } from "node:net";
import { createClient } from "@clickhouse/client";
import { freePort } from "@es/tooling-engines";
import type { TraceExplanation } from "@es/trace-projection";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Standalone, startStandalone } from "./apps.js";
import { chatProjection, exporters, makeSpan, sendChatThroughSdk, sendSpans } from "./otlpClient.js";
import { killLeftovers, startProcess, temporaryFolder, until } from "./processes.js";
import { allProjections, completeProjection, projectionOf } from "./readApi.js";

let data: Awaited<ReturnType<typeof temporaryFolder>>;
afterAll(killLeftovers);

describe("standalone", () => {
  let standalone: Standalone;
  beforeAll(async () => {
    data = await temporaryFolder();
    standalone = await startStandalone(data.path);
  });
  afterAll(async () => {
    expect(await standalone.process.stop()).toBe(0);
    await data.remove();
  });

  it.each(exporters)("projects what the real SDK sends: $encoding, $compression", async (exporter) => {
    const traceId = await sendChatThroughSdk(standalone.ingestUrl, exporter);
    const projection = await completeProjection(standalone.consoleUrl, traceId, 3);
    expect(projection).toMatchObject({ ...chatProjection, traceId });
    expect(projection.input).toMatchObject({ text: "Is the blue mug in stock?" });
    expect(projection.output).toMatchObject({ text: "Yes, three are left." });
    expect(projection.rootSpanId).toMatch(/^[0-9a-f]{16}$/);
    expect(projection.tags).toEqual([]);
    expect(projection.metadata).toEqual(expect.any(Object));
    expect(projection.version).toMatch(/^\d+$/);
  });

  it("gives the spans of a trace in order, with exact values", async () => {
    const root = makeSpan({ name: "root", attributes: new Map([["big", 9_007_199_254_740_993n]]) });
    const child = makeSpan({
      traceId: root.traceId,
      parentSpanId: root.spanId,
      name: "child",
      startTimeUnixNano: root.startTimeUnixNano + 1n,
    });
    expect(await sendSpans(standalone.ingestUrl, [child, root])).toBe(200);
    const response = await fetch(`${standalone.consoleUrl}/api/traces/${root.traceId}/spans`);
    const body = (await response.json()) as { spans: { name: string; startTimeUnixNano: string }[] };
    expect(body.spans.map(({ name }) => name)).toEqual(["root", "child"]);
    expect(body.spans[1]?.startTimeUnixNano).toBe("1700000000000000001");
    expect(JSON.stringify(body.spans[0])).toContain('"9007199254740993"');
  });

  it("answers 422 to who wants a trace of more than 10 000 spans explained, and shows it otherwise", async () => {
    const root = makeSpan();
    const { traceId } = root;
    const children = Array.from({ length: 10_000 }, () => makeSpan({ traceId, parentSpanId: root.spanId }));
    expect(await sendSpans(standalone.ingestUrl, [root, ...children])).toBe(200);
    await completeProjection(standalone.consoleUrl, traceId, 10_001);
    const explained = await fetch(`${standalone.consoleUrl}/api/traces/${traceId}/explain`);
    expect(explained.status).toBe(422);
    expect(await explained.json()).toEqual({
      error: { code: "TRACE_TOO_LARGE", message: expect.stringContaining("10001 spans") },
    });
    expect((await fetch(`${standalone.consoleUrl}/traces/${traceId}`)).status).toBe(200);
  });

  it("counts a span once, however often and in whatever batches it is sent", async () => {
    const root = makeSpan();
    const children = Array.from({ length: 5 }, (_, index) =>
      makeSpan({
        traceId: root.traceId,
        parentSpanId: root.spanId,
        attributes: new Map<string, string | bigint>([
          ["gen_ai.operation.name", "chat"],
          ["gen_ai.usage.input_tokens", BigInt(index + 1)],
        ]),
      }),
    );
    await sendSpans(standalone.ingestUrl, children);
    await Promise.all([
      sendSpans(standalone.ingestUrl, [...children, ...children]),
      sendSpans(standalone.ingestUrl, [root, children[0] ?? root]),
      ...children.map((child) => sendSpans(standalone.ingestUrl, [child])),
    ]);
    const projection = await completeProjection(standalone.consoleUrl, root.traceId, 6);
    expect(projection.spanCount).toBe(6);
    expect(projection.usage.inputTokens).toBe(15);
  });

  describe("read API", () => {
    const get = async (path: string) => {
      const response = await fetch(`${standalone.consoleUrl}${path}`);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };

    it("lists newest first, page by page, without repeats or gaps", async () => {
      const day = 1_600_000_000_000_000_000n;
      const spans = Array.from({ length: 25 }, (_, index) =>
        // Pairs of traces start at the same instant.
        makeSpan({ startTimeUnixNano: day + BigInt(index >> 1), endTimeUnixNano: day + 100n }),
      );
      await sendSpans(standalone.ingestUrl, spans);
      for (const { traceId } of spans) await completeProjection(standalone.consoleUrl, traceId, 1);
      const pages: string[][] = [];
      let cursor: unknown;
      do {
        const query = `limit=10&from=${day}&to=${day + 1_000n}${cursor ? `&cursor=${encodeURIComponent(String(cursor))}` : ""}`;
        const { body } = await get(`/api/traces?${query}`);
        const traces = body.traces as { traceId: string; startTimeUnixNano: string }[];
        pages.push(traces.map(({ traceId }) => traceId));
        cursor = body.nextCursor;
      } while (cursor !== null);
      expect(pages.map(({ length }) => length)).toEqual([10, 10, 5]);
      expect(new Set(pages.flat())).toEqual(new Set(spans.map(({ traceId }) => traceId)));
      const starts = new Map(spans.map(({ traceId, startTimeUnixNano }) => [traceId, startTimeUnixNano]));
      const listed = pages.flat().map((traceId) => starts.get(traceId) ?? 0n);
      expect(listed).toEqual([...listed].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0)));
    });

    it("filters by status", async () => {
      const failed = makeSpan({
        startTimeUnixNano: 5_000n,
        endTimeUnixNano: 6_000n,
        status: { code: 2, message: "" },
      });
      const fine = makeSpan({
        startTimeUnixNano: 5_000n,
        endTimeUnixNano: 6_000n,
        status: { code: 1, message: "" },
      });
      await sendSpans(standalone.ingestUrl, [failed, fine]);
      for (const { traceId } of [failed, fine]) await completeProjection(standalone.consoleUrl, traceId, 1);
      const listed = async (status: string) => {
        const { body } = await get(
          `/api/traces?status=${status}&from=1970-01-01T00:00:00.000005Z&to=1970-01-01T00:00:00.000005001Z`,
        );
        return (body.traces as { traceId: string }[]).map(({ traceId }) => traceId);
      };
      expect(await listed("error")).toEqual([failed.traceId]);
      expect(await listed("ok")).toEqual([fine.traceId]);
      expect(await listed("unset")).toEqual([]);
    });

    it("compresses answers for clients that accept it", async () => {
      const day = 1_500_000_000_000_000_000n;
      const spans = Array.from({ length: 10 }, () => makeSpan({ startTimeUnixNano: day }));
      await sendSpans(standalone.ingestUrl, spans);
      for (const { traceId } of spans) await completeProjection(standalone.consoleUrl, traceId, 1);
      const read = async (encoding: string) => {
        const response = await fetch(`${standalone.consoleUrl}/api/traces?from=${day}&to=${day + 1n}`, {
          headers: { "accept-encoding": encoding },
        });
        return { encoding: response.headers.get("content-encoding"), text: await response.text() };
      };
      const [plain, compressed] = [await read("identity"), await read("gzip, br")];
      expect([plain.encoding, compressed.encoding]).toEqual([null, "gzip"]);
      expect(compressed.text).toBe(plain.text);
      expect(JSON.parse(plain.text).traces).toHaveLength(10);
    });

    it("explains a trace: what gave each field, and what lost", async () => {
      const root = makeSpan({ attributes: new Map([["input.value", "root's"]]) });
      const child = makeSpan({
        traceId: root.traceId,
        parentSpanId: root.spanId,
        attributes: new Map([["input.value", "child's"]]),
      });
      await sendSpans(standalone.ingestUrl, [root, child]);
      const projection = await completeProjection(standalone.consoleUrl, root.traceId, 2);
      const { status, body } = await get(`/api/traces/${root.traceId}/explain?candidates=5`);
      expect(status).toBe(200);
      expect(body).toMatchObject({ traceId: root.traceId, spanCount: 2 });
      const input = (body as unknown as TraceExplanation).fields.find(({ field }) => field === "input");
      expect(input).toMatchObject({
        value: projection.input?.text,
        winner: projection.provenance.input,
        losers: [{ spanId: child.spanId, key: "input.value", reason: "not-root" }],
        moreLosers: 0,
      });
    });

    it("shows traces, and why each says what it says, as pages that load and run nothing", async () => {
      const span = makeSpan({ name: "<b>bold</b>", startTimeUnixNano: 7_000n, endTimeUnixNano: 8_000n });
      await sendSpans(standalone.ingestUrl, [span]);
      await completeProjection(standalone.consoleUrl, span.traceId, 1);
      for (const path of [
        "/?from=1970-01-01T00:00:00.000007Z&to=1970-01-01T00:00:00.000007001Z",
        `/traces/${span.traceId}`,
      ]) {
        const response = await fetch(`${standalone.consoleUrl}${path}`);
        expect(response.status).toBe(200);
        expect(response.headers.get("content-type")).toMatch(/^text\/html/);
        expect(response.headers.get("content-security-policy")).toMatch(/default-src 'none'/);
        expect(response.headers.get("cache-control")).toBe("no-store");
        const page = await response.text();
        expect(page).toContain("&lt;b&gt;bold&lt;/b&gt;");
        expect(page).not.toContain("<b>");
      }
    });

    it.each([
      ["/traces/00000000000000000000000000000001", 404, "TRACE_NOT_FOUND"],
      ["/traces/not-an-id", 400, "BAD_QUERY"],
      ["/?limit=0", 400, "BAD_QUERY"],
      ["/api/traces/00000000000000000000000000000001", 404, "TRACE_NOT_FOUND"],
      ["/api/traces/00000000000000000000000000000001/spans", 404, "TRACE_NOT_FOUND"],
      ["/api/traces/00000000000000000000000000000001/explain", 404, "TRACE_NOT_FOUND"],
      ["/api/traces/not-an-id", 400, "BAD_QUERY"],
      ["/api/traces/not-an-id/explain", 400, "BAD_QUERY"],
      ["/api/traces/00000000000000000000000000000001/explain?candidates=501", 400, "BAD_QUERY"],
      ["/api/traces?limit=0", 400, "BAD_QUERY"],
      ["/api/traces?limit=501", 400, "BAD_QUERY"],
      ["/api/sessions?limit=501", 400, "BAD_QUERY"],
      ["/api/traces?status=broken", 400, "BAD_QUERY"],
      ["/api/traces?from=yesterday", 400, "BAD_QUERY"],
      ["/api/traces?from=1790000000", 400, "BAD_QUERY"],
      ["/api/traces?include=spans", 400, "BAD_QUERY"],
      ["/api/traces/00000000000000000000000000000001/spans?limit=10001", 400, "BAD_QUERY"],
      ["/api/session", 400, "BAD_QUERY"],
      ["/api/session?id=..", 404, "SESSION_NOT_FOUND"],
      ["/api/traces?cursor=x", 400, "INVALID_CURSOR"],
      ["/api/traces?sort=name", 400, "BAD_QUERY"],
      ["/api/unknown", 404, "NOT_FOUND"],
    ])("answers %s with %d and a JSON error", async (path, status, code) => {
      expect(await get(path)).toEqual({ status, body: { error: { code, message: expect.any(String) } } });
    });
  });

  it("is healthy and ready", async () => {
    for (const url of [standalone.ingestUrl, standalone.consoleUrl]) {
      expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: "ok" });
      expect(await (await fetch(`${url}/readyz`)).json()).toEqual({
        status: "ok",
        checks: { clickhouse: "ok" },
      });
    }
  });
});

describe("2 000 traces of 10 spans, sent at once", () => {
  it("are all projected right", { timeout: 120_000 }, async () => {
    const folder = await temporaryFolder();
    const standalone = await startStandalone(folder.path);
    const traces = Array.from({ length: 2_000 }, () => {
      const root = makeSpan({ name: "root" });
      const children = Array.from({ length: 9 }, (_, index) =>
        makeSpan({
          traceId: root.traceId,
          parentSpanId: root.spanId,
          name: `call ${index}`,
          attributes: new Map<string, string | bigint>([
            ["gen_ai.operation.name", "chat"],
            ["gen_ai.usage.output_tokens", BigInt(index + 1)],
          ]),
        }),
      );
      return [root, ...children];
    });
    // Interleaved, so that every trace is spread over all requests.
    const requests = Array.from({ length: 10 }, (_, index) => traces.flatMap((spans) => spans[index] ?? []));
    const sent = performance.now();
    const statuses = await Promise.all(requests.map((spans) => sendSpans(standalone.ingestUrl, spans)));
    const acknowledged = performance.now();
    expect(new Set(statuses)).toEqual(new Set([200]));
    const projections = await until("2 000 projections are complete", async () => {
      const all = await allProjections(standalone.consoleUrl);
      return all.length === 2_000 && all.every(({ spanCount }) => spanCount === 10) ? all : undefined;
    });
    const current = performance.now();
    process.stderr.write(
      `20 000 spans of 2 000 traces: acknowledged after ${(acknowledged - sent).toFixed(0)} ms, ` +
        `2 000 complete projections read ${(current - acknowledged).toFixed(0)} ms later\n`,
    );
    for (const projection of projections) {
      expect(projection).toMatchObject({ spanCount: 10, name: "root", usage: { outputTokens: 45 } });
    }
    expect(await standalone.process.stop()).toBe(0);
    await folder.remove();
  });
});

describe("the data of standalone", () => {
  afterEach(killLeftovers);

  it("survives a restart", async () => {
    const folder = await temporaryFolder();
    const first = await startStandalone(folder.path);
    const span = makeSpan();
    await sendSpans(first.ingestUrl, [span]);
    const before = await completeProjection(first.consoleUrl, span.traceId, 1);
    expect(await first.process.stop()).toBe(0);
    const second = await startStandalone(folder.path);
    expect(await projectionOf(second.consoleUrl, span.traceId)).toEqual(before);
    await second.process.stop();
    await folder.remove();
  });

  it("loses nothing that was acknowledged when it is killed before anything is projected", async () => {
    const folder = await temporaryFolder();
    // No run starts within its life: what is projected afterwards, the reconciler found.
    const first = await startStandalone(folder.path, { QUEUE_DELAY_MS: "600000" });
    const spans = Array.from({ length: 50 }, () => makeSpan());
    expect(await sendSpans(first.ingestUrl, spans)).toBe(200);
    first.process.kill("SIGKILL");
    await first.process.ended;
    const second = await startStandalone(folder.path);
    for (const { traceId } of spans) await completeProjection(second.consoleUrl, traceId, 1);
    await second.process.stop();
    await folder.remove();
  });

  it("is drained on SIGTERM: what is scheduled is projected at the next start", async () => {
    const folder = await temporaryFolder();
    const first = await startStandalone(folder.path);
    const span = makeSpan();
    await sendSpans(first.ingestUrl, [span]);
    expect(await first.process.stop()).toBe(0);
    const second = await startStandalone(folder.path);
    await completeProjection(second.consoleUrl, span.traceId, 1);
    await second.process.stop();
    await folder.remove();
  });
});

describe("how long standalone keeps spans, and against what", () => {
  it("is what was configured: they expire, and every insert is synced to disk", async () => {
    const folder = await temporaryFolder();
    const password = "word";
    const port = String(await freePort());
    const { process: started } = await startStandalone(folder.path, {
      CLICKHOUSE_PORT: port,
      CLICKHOUSE_PASSWORD: password,
      CLICKHOUSE_DURABILITY: "fsync",
      SPAN_RETENTION_DAYS: "7",
    });
    const client = createClient({ url: `http://127.0.0.1:${port}`, password });
    const rows = async (query: string) =>
      (await client.query({ query, format: "JSONEachRow" })).json<{ readonly value: string }>();
    const [table] = await rows("SELECT create_table_query AS value FROM system.tables WHERE name = 'spans'");
    expect(table?.value).toContain("toIntervalDay(7)");
    const synced = "SELECT value FROM system.merge_tree_settings WHERE name = 'fsync_after_insert'";
    expect(await rows(synced)).toEqual([{ value: "1" }]);
    await client.close();
    expect(await started.stop()).toBe(0);
    await folder.remove();
  });
});

describe("what an operator gets wrong", () => {
  afterEach(killLeftovers);
  const start = async (environment: Record<string, string>, args: string[] = []) => {
    const folder = await temporaryFolder();
    const started = startProcess(
      "apps/standalone/bin/standalone.cjs",
      { INGEST_PORT: "0", CONSOLE_PORT: "0", WORKER_PORT: "0", DATA_DIR: folder.path, ...environment },
      args,
    );
    const code = await started.ended;
    await folder.remove();
    return { code, output: started.output().trimEnd() };
  };

  it("is a taken port: one line that says which, and what to change", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    for (const variable of ["INGEST_PORT", "CONSOLE_PORT"]) {
      expect(await start({ [variable]: String(port) })).toEqual({
        code: 1,
        output: `Port ${port} on 127.0.0.1 is taken by another process. Stop it, or choose another port with ${variable}.`,
      });
    }
    other.close();
  });

  it("is a variable: the error names it", async () => {
    const { code, output } = await start({ INGEST_PORT: "http" });
    expect(code).toBe(1);
    expect(output).toContain('INGEST_PORT is "http": expected a port from 0 to 65535');
    expect((await start({ TENANT_ID: "a\nb" })).output).toMatch(
      /TENANT_ID is "a\\nb": expected at most 256 characters/,
    );
  });

  it("is an argument: the error shows the usage", async () => {
    const { code, output } = await start({}, ["--demos"]);
    expect(code).toBe(1);
    expect(output).toContain("--demos");
    expect(output).toContain("npm start");
  });

  it("is a second process on the same data: one line that says so", async () => {
    const folder = await temporaryFolder();
    const first = await startStandalone(folder.path);
    const { code, output } = await start({ DATA_DIR: folder.path });
    expect(code).toBe(1);
    expect(output.split("\n")).toHaveLength(1);
    expect(output).toMatch(/^Cannot start ClickHouse .* is locked by process \d+/);
    expect(output).toContain(folder.path);
    await first.process.stop();
    await folder.remove();
  });
});

describe("npm start -- --demo", () => {
  it("sends the bundled traces and prints their projections as a table", async () => {
    const folder = await temporaryFolder();
    const standalone = await startStandalone(folder.path, {}, ["--demo"]);
    await until("the demo ends", () => (standalone.process.output().includes("More: ") ? true : undefined), {
      watch: standalone.process,
    });
    const output = standalone.process.output();
    expect(output).toMatch(/scenario\s+status\s+spans/);
    expect(output).toContain("2000");
    expect(output).toContain("error");
    await standalone.process.stop();
    await folder.remove();
  });
});
