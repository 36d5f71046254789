import { chmodSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { freePort } from "@es/tooling-engines";
import { afterEach, describe, expect, it } from "vitest";
import { type Standalone, startStandalone } from "./apps.js";
import { makeSpan, sendSpans } from "./otlpClient.js";
import { killLeftovers, startProcess, temporaryFolder, until } from "./processes.js";
import { completeProjection } from "./readApi.js";

const removals: (() => Promise<void>)[] = [];
afterEach(async () => {
  await killLeftovers();
  for (const remove of removals.splice(0)) await remove();
});

async function folder(): Promise<string> {
  const { path, remove } = await temporaryFolder();
  removals.push(remove);
  return path;
}

/** What `/readyz` of ingest, console and worker says. */
async function readiness({ ingestUrl, consoleUrl, operationsUrl }: Standalone) {
  const answers = await Promise.all(
    [ingestUrl, consoleUrl, operationsUrl].map((url) => fetch(`${url}/readyz`)),
  );
  return Promise.all(
    answers.map(async (answer) => {
      const { checks } = (await answer.json()) as { readonly checks: Readonly<Record<string, string>> };
      return [answer.status, checks.clickhouse] as const;
    }),
  );
}

describe("the data folder of a running standalone", () => {
  it.each([
    ["removed", (path: string) => rmSync(path, { recursive: true })],
    ["moved away", (path: string) => renameSync(path, `${path}-elsewhere`)],
  ])("that is %s: spans are refused, /readyz of every app says why, and SIGTERM works", async (_, lose) => {
    const dataDir = join(await folder(), "data");
    const standalone = await startStandalone(dataDir);
    const before = makeSpan();
    expect(await sendSpans(standalone.ingestUrl, [before])).toBe(200);
    await completeProjection(standalone.consoleUrl, before.traceId, 1);
    expect((await readiness(standalone)).map(([status]) => status)).toEqual([200, 200, 200]);
    lose(dataDir);
    for (let i = 0; i < 3; i += 1) expect(await sendSpans(standalone.ingestUrl, [makeSpan()])).toBe(503);
    const reason = expect.stringMatching(
      /clickhouse was removed or moved away while the engine runs\..*cannot save it/,
    );
    expect(await readiness(standalone)).toEqual([
      [503, reason],
      [503, reason],
      [503, reason],
    ]);
    expect(await standalone.process.stop()).toBe(0);
  });

  it("is taken up again when it comes back, with every span that was acknowledged", async () => {
    const dataDir = join(await folder(), "data");
    const standalone = await startStandalone(dataDir);
    const acknowledged: string[] = [];
    const send = async () => {
      const span = makeSpan();
      const status = await sendSpans(standalone.ingestUrl, [span]);
      if (status === 200) acknowledged.push(span.traceId);
      return status;
    };
    for (let i = 0; i < 5; i += 1) expect(await send()).toBe(200);
    renameSync(dataDir, `${dataDir}-elsewhere`);
    expect(await send()).toBe(503);
    // The engine may have made a file at the old place meanwhile.
    rmSync(dataDir, { recursive: true, force: true });
    renameSync(`${dataDir}-elsewhere`, dataDir);
    await until("spans are taken", async () => ((await send()) === 200 ? true : undefined));
    expect(await standalone.process.stop()).toBe(0);
    const again = await startStandalone(dataDir);
    for (const traceId of acknowledged) await completeProjection(again.consoleUrl, traceId, 1);
    expect(await again.process.stop()).toBe(0);
  });

  it("is closed to other users, new or from an earlier version, whatever the umask", async () => {
    const umask = process.umask(0);
    try {
      const made = join(await folder(), "made");
      const first = await startStandalone(made);
      expect(statSync(made).mode & 0o777).toBe(0o700);
      expect(await first.process.stop()).toBe(0);
      chmodSync(made, 0o755);
      chmodSync(join(made, "clickhouse"), 0o755);
      writeFileSync(join(made, "keys.json"), "{}", { mode: 0o600 });
      const second = await startStandalone(made);
      expect(statSync(made).mode & 0o777).toBe(0o700);
      expect(statSync(join(made, "clickhouse")).mode & 0o777).toBe(0o700);
      expect(await second.process.stop()).toBe(0);

      const common = join(await folder(), "common");
      mkdirSync(common, { mode: 0o755 });
      writeFileSync(join(common, "somebody else's"), "");
      const third = await startStandalone(common);
      expect(statSync(common).mode & 0o777).toBe(0o755);
      expect(statSync(join(common, "clickhouse")).mode & 0o777).toBe(0o700);
      expect(await third.process.stop()).toBe(0);
    } finally {
      process.umask(umask);
    }
  });
});

describe("the password of standalone's engine for other tools", () => {
  it("reads every table and view of the database, and no file", { timeout: 180_000 }, async () => {
    const port = String(await freePort());
    const standalone = await startStandalone(await folder(), {
      CLICKHOUSE_PORT: port,
      CLICKHOUSE_READONLY_PASSWORD: "for other tools",
    });
    const span = makeSpan();
    expect(await sendSpans(standalone.ingestUrl, [span])).toBe(200);
    await completeProjection(standalone.consoleUrl, span.traceId, 1);
    const client = createClient({
      url: `http://127.0.0.1:${port}`,
      password: "for other tools",
      database: "es",
    });
    const rows = async (query: string) => (await client.query({ query, format: "JSONEachRow" })).json();
    const tables = (await rows("SHOW TABLES")) as { readonly name: string }[];
    expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(["otel_traces", "spans"]));
    for (const { name } of tables) await rows(`SELECT count() FROM ${name}`);
    expect(await rows("SELECT TraceId FROM otel_traces")).toEqual([{ TraceId: span.traceId }]);
    await expect(rows("SELECT file('/etc/hostname')")).rejects.toMatchObject({ code: "164" });
    await expect(client.command({ query: "DROP TABLE spans" })).rejects.toMatchObject({ code: "164" });
    await client.close();
    expect(await standalone.process.stop()).toBe(0);
  });
});

describe("every address that standalone prints", () => {
  it("shows something useful", async () => {
    const standalone = await startStandalone(await folder());
    const addresses = standalone.process.output().match(/http:\/\/\S+/g) ?? [];
    expect(addresses).toHaveLength(3);
    const texts: string[] = [];
    for (const address of addresses) {
      const answer = await fetch(address);
      expect([address, answer.status]).toEqual([address, 200]);
      texts.push(await answer.text());
    }
    expect(texts[0]).toContain("POST /v1/traces");
    expect(JSON.parse(texts[1] as string)).toMatchObject({ traces: [] });
    expect(texts[2]).toContain("/operations/dead-letters/redrive");
    expect(await (await fetch(`${standalone.ingestUrl}/`)).text()).toBe(texts[0]);
    expect(await standalone.process.stop()).toBe(0);
  });
});

describe("too few file descriptors", () => {
  it.each([
    ["apps/standalone/bin/standalone.cjs", 40],
    ["apps/standalone/bin/standalone.cjs", 64],
    ["apps/standalone/bin/standalone.cjs", 300],
    ["apps/ingest/dist/main.js", 64],
    ["apps/worker/dist/main.js", 64],
    ["apps/console/dist/main.js", 64],
  ])("are one sentence that says what to do: %s with %i", async (script, limit) => {
    const started = startProcess(script, { DATA_DIR: await folder(), INGEST_PORT: "0" }, [], {
      openFiles: limit,
    });
    expect(await started.ended).toBe(1);
    const output = started.output().trimEnd();
    expect(output).toMatch(/^[^\n]*may open (?:\d+|too few) files[^\n]*ulimit -n[^\n]*$/);
  });
});
