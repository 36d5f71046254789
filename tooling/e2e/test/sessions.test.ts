import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createClient } from "@clickhouse/client";
import { parseTenantId } from "@es/core";
import { createAcceptedClock } from "@es/core/adapter";
import { createLogger } from "@es/host";
import type { OtlpSpan } from "@es/otlp";
import type { SessionProjectionJson } from "@es/session-projection";
import { createSpanEvent } from "@es/trace-projection";
import { openTraceStore } from "@es/trace-wiring";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Standalone, startApp, startStandalone } from "./apps.js";
import { makeSpan, sendSpans } from "./otlpClient.js";
import { killLeftovers, temporaryFolder, until } from "./processes.js";
import { allProjections, completeProjection } from "./readApi.js";

afterAll(killLeftovers);

const inSession = (sessionId: string, fields: Partial<OtlpSpan> = {}) =>
  makeSpan({ ...fields, attributes: new Map([["session.id", sessionId]]) });

async function getJson<T>(url: string): Promise<T | undefined> {
  const response = await fetch(url);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

describe("sessions, in one process on the queue in memory", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let standalone: Standalone;
  const environment = { QUEUE_DELAY_MS: "20", SESSION_DELAY_MS: "20" };

  beforeAll(async () => {
    folder = await temporaryFolder();
    standalone = await startStandalone(folder.path, environment);
  }, 120_000);
  afterAll(async () => {
    await standalone?.process.stop();
    await folder?.remove();
  });

  const sessionAt = (sessionId: string) =>
    getJson<SessionProjectionJson>(
      /^\.\.?$/.test(sessionId)
        ? `${standalone.consoleUrl}/api/session?id=${sessionId}`
        : `${standalone.consoleUrl}/api/sessions/${encodeURIComponent(sessionId)}`,
    );

  /** Waits until every session is what the projections of its traces say. */
  async function untilTrue(sessionIds: readonly string[]): Promise<void> {
    await until("every session is the sum of its traces", async () => {
      const traces = await allProjections(standalone.consoleUrl);
      for (const sessionId of sessionIds) {
        const own = traces.filter((trace) => trace.sessionId === sessionId);
        const session = await sessionAt(sessionId);
        const same =
          (session?.traces.map(({ traceId }) => traceId).sort() ?? []).join() ===
            own
              .map(({ traceId }) => traceId)
              .sort()
              .join() && (session?.spanCount ?? 0) === own.reduce((sum, { spanCount }) => sum + spanCount, 0);
        if (!same) return undefined;
      }
      return true;
    });
  }

  it("hold their traces, whatever their ids, and let go of a trace whose root names another", {
    timeout: 120_000,
  }, async () => {
    const ids = ["a/b", "'%2F", "😀?#&", ".", "..", "%2e%2e", "語".repeat(8_000), "left"];
    for (const id of ids) await sendSpans(standalone.ingestUrl, [inSession(id), inSession(id)]);
    const moving = inSession("left", { parentSpanId: "00000000000000aa" });
    await sendSpans(standalone.ingestUrl, [moving]);
    await until("the trace is part of the session its first span names", async () =>
      (await sessionAt("left"))?.traceCount === 3 ? true : undefined,
    );
    await sendSpans(standalone.ingestUrl, [
      inSession("right", { traceId: moving.traceId, spanId: "00000000000000aa" }),
    ]);
    await completeProjection(standalone.consoleUrl, moving.traceId, 2);
    await untilTrue([...ids, "right"]);
    expect(await sessionAt("left")).toMatchObject({ traceCount: 2, tenantId: "default" });
    expect(await sessionAt("right")).toMatchObject({ traceCount: 1, spanCount: 2 });
    const listed: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const list: { sessions: { sessionId: string }[]; nextCursor: string | null } | undefined =
        await getJson(`${standalone.consoleUrl}/api/sessions?limit=1${query}`);
      listed.push(...(list?.sessions.map(({ sessionId }) => sessionId) ?? []));
      cursor = list?.nextCursor ?? null;
    } while (cursor !== null);
    expect(listed.sort()).toEqual([...ids, "right"].sort());
    const page = await (await fetch(`${standalone.consoleUrl}/sessions`)).text();
    const links = [...page.matchAll(/href="(\/sessions?[/?][^"]*)"/g)].map(([, link]) =>
      (link ?? "").replaceAll("&#39;", "'").replaceAll("&amp;", "&"),
    );
    expect(links).toHaveLength(ids.length + 1);
    for (const link of links) {
      expect((await fetch(new URL(link, standalone.consoleUrl))).status, link.slice(0, 50)).toBe(200);
    }
    expect(await sessionAt("unknown")).toBeUndefined();
  });

  it("are operated like traces", async () => {
    const base = `${standalone.operationsUrl}/operations/projections/sessions`;
    await until("the queue of sessions is empty", async () => {
      const counts = await getJson<{ pending: number; active: number }>(`${base}/queue`);
      return counts?.pending === 0 && counts.active === 0 ? true : undefined;
    });
    expect(await getJson(`${base}/dead-letters`)).toEqual({ deadLetters: [], nextCursor: null });
    const reconciled = await fetch(`${base}/reconcile`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    expect(await reconciled.json()).toEqual({ scheduled: 0 });
  });
});

describe("sessions, when a process is killed", () => {
  const url = process.env.CLICKHOUSE_URL ?? "";
  const database = `killed_sessions_${randomUUID().replaceAll("-", "")}`;
  const environment = {
    CLICKHOUSE_DATABASE: database,
    QUEUE_PREFIX: `{${randomUUID()}}`,
    RECONCILE_INTERVAL_MS: "300",
    RECONCILE_GRACE_MS: "0",
    SESSION_DELAY_MS: "20",
  };
  const tenantId = parseTenantId("default");
  const clock = createAcceptedClock();
  const store = openTraceStore(
    { CLICKHOUSE_URL: url, CLICKHOUSE_DATABASE: database },
    createLogger({ name: "sessions-test", defaultLevel: "fatal" }),
  );

  beforeAll(() => store.opened);
  afterAll(async () => {
    await store.close();
    const client = createClient({ url });
    await client.command({ query: `DROP DATABASE ${database}` });
    await client.close();
  });

  it.each([
    ["persist", "told to a session but not stored"],
    ["schedule", "stored, its session not scheduled"],
  ] as const)("before %s: a trace %s ends in its session", { timeout: 120_000 }, async (before, _) => {
    const sessionId = `killed before ${before}`;
    const span = inSession(sessionId);
    await store.eventStore.storeEvents([createSpanEvent(span, clock.next())], { tenantId });
    const script = fileURLToPath(new URL("./killedBetween.mjs", import.meta.url));
    const child = fork(script, [url, database, span.traceId, before]);
    const [, signal] = await once(child, "exit");
    expect(signal).toBe("SIGKILL");
    expect((await store.reads.getTrace(tenantId, span.traceId)) === null).toBe(before === "persist");
    expect(await store.sessionReads.getSession(tenantId, sessionId)).toBeNull();

    const worker = await startApp("worker", environment);
    try {
      await until(
        "the session holds the trace",
        async () =>
          (await store.sessionReads.getSession(tenantId, sessionId))?.traceCount === 1 ? true : undefined,
        { watch: worker.process },
      );
      const trace = await until(
        "the trace is stored",
        async () => (await store.reads.getTrace(tenantId, span.traceId)) ?? undefined,
        { watch: worker.process },
      );
      expect(trace).toMatchObject({ sessionId, spanCount: 1 });
      expect(await store.sessionReads.getSession(tenantId, sessionId)).toMatchObject({
        sessionId,
        spanCount: 1,
        lastActivityUnixNano: trace.endTimeUnixNano,
        traces: [{ traceId: span.traceId }],
      });
    } finally {
      await worker.process.stop();
    }
  });

  it("a live trace reaches its session through both queues", { timeout: 120_000 }, async () => {
    const worker = await startApp("worker", environment);
    const ingest = await startApp("ingest", environment);
    try {
      await until("ingest is ready", async () =>
        (await fetch(`${ingest.url}/readyz`)).status === 200 ? true : undefined,
      );
      for (let i = 0; i < 20; i++) {
        expect(await sendSpans(ingest.url, [inSession(`live ${i % 2}`)])).toBe(200);
      }
      for (const sessionId of ["live 0", "live 1"]) {
        await until(`session ${sessionId} holds ten traces`, async () => {
          const session = await store.sessionReads.getSession(tenantId, sessionId);
          return session?.traceCount === 10 ? true : undefined;
        });
      }
    } finally {
      await ingest.process.stop();
      await worker.process.stop();
    }
  });
});
