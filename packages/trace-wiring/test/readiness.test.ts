import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { parseTenantId } from "@es/core";
import { createLogger } from "@es/host";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openTraceStore, type StoreNeed, type TraceStore } from "../src/index.js";

const url = process.env.CLICKHOUSE_URL ?? "";
const admin = createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
const database = `test_${randomUUID().replaceAll("-", "")}`;
const logger = createLogger({ name: "test", environment: { LOG_LEVEL: "silent" } });
const opened: TraceStore[] = [];

/** A store whose user has a profile: settings that each of its requests has. */
function open(needs: readonly StoreNeed[], profile: Readonly<Record<string, string>> = {}): TraceStore {
  const address = new URL(url);
  for (const [name, value] of Object.entries(profile)) address.searchParams.set(`ch_${name}`, value);
  const store = openTraceStore({ CLICKHOUSE_URL: address.href, CLICKHOUSE_DATABASE: database }, logger, {
    needs,
  });
  opened.push(store);
  return store;
}

/** What `/readyz` would say: the reason, or `null`. */
async function reason(store: TraceStore): Promise<string | null> {
  return store.isReady().then(
    () => null,
    (error: Error) => error.message,
  );
}

async function eventually(store: TraceStore, matches: RegExp): Promise<void> {
  await expect.poll(() => reason(store), { timeout: 20_000 }).toMatch(matches);
}

const READ_PROFILE = {
  readonly: "1",
  output_format_json_quote_64bit_integers: "1",
  output_format_json_quote_denormals: "1",
  session_timezone: "UTC",
};

beforeAll(async () => {
  const store = open(["ingest", "project", "read"]);
  await store.opened;
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});
afterAll(async () => {
  await admin.command({ query: `DROP DATABASE IF EXISTS ${database}` });
  await admin.close();
});

describe("readiness of a trace store", () => {
  it.each<StoreNeed>(["ingest", "project", "read"])(
    "is there for a process that needs to %s",
    async (need) => {
      const store = open([need]);
      await store.opened;
      expect(await reason(store)).toBeNull();
    },
  );

  it("writes what it must, and nothing where the process only reads", async () => {
    await admin.command({ query: `TRUNCATE TABLE ${database}.readiness_probes` });
    const rows = async () => {
      const result = await admin.query({
        query: `SELECT Need FROM ${database}.readiness_probes FINAL ORDER BY Need`,
        format: "JSONEachRow",
      });
      return (await result.json<{ Need: string }>()).map(({ Need }) => Need);
    };
    for (const needs of [["read"], ["ingest"], ["project"]] as const) {
      const store = open(needs);
      await store.opened;
      await store.isReady();
      await store.isReady();
    }
    expect(await rows()).toEqual(["ingest", "project"]);
  });

  it("names the table that is gone, and is there again with it", async () => {
    const store = open(["project"]);
    await store.opened;
    await admin.command({ query: `RENAME TABLE ${database}.session_events TO ${database}.elsewhere` });
    expect(await reason(store)).toMatch(/session_events.*UNKNOWN_TABLE/s);
    const ingest = open(["ingest"]);
    await ingest.opened;
    expect(await reason(ingest)).toBeNull();
    await admin.command({ query: `RENAME TABLE ${database}.elsewhere TO ${database}.session_events` });
    expect(await reason(store)).toBeNull();
  });

  it("says from the start that nothing answers, and does not call that a schema that takes long", async () => {
    const silent = createServer(() => {});
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    try {
      const { port } = silent.address() as AddressInfo;
      const store = openTraceStore(
        { CLICKHOUSE_URL: `http://127.0.0.1:${port}`, CLICKHOUSE_DATABASE: database },
        logger,
      );
      opened.push(store);
      expect(await reason(store)).toBe("ClickHouse gave no answer within 3000 ms");
    } finally {
      silent.close();
      silent.closeAllConnections();
    }
  });

  it("lets a user who may only read serve readers, and names what others lack", async () => {
    const reader = open(["read"], READ_PROFILE);
    await reader.opened;
    expect(await reason(reader)).toBeNull();
    for (const need of ["ingest", "project"] as const) {
      const store = open([need], READ_PROFILE);
      await eventually(store, /readonly mode.*READONLY/s);
    }
  });

  it("names the settings that the profile of a read-only user lacks", async () => {
    const { session_timezone: _, ...lacking } = READ_PROFILE;
    await eventually(open(["read"], lacking), /readonly = 1.*lacks.*ALTER USER.*session_timezone = 'UTC'/s);
  });

  it("leaves settings out once the user may no longer set them, and sends them again once it may", async () => {
    // The embedded engine has one user: what a profile would forbid is forbidden here, in its words.
    const forbidding = await startForbidding();
    try {
      const store = openTraceStore(
        { CLICKHOUSE_URL: forbidding.url, CLICKHOUSE_DATABASE: database },
        logger,
        {
          needs: ["read"],
        },
      );
      opened.push(store);
      await store.opened;
      const list = () => store.reads.listTraces({ tenantId: parseTenantId("acme") });
      expect((await list()).traces).toEqual([]);
      forbidding.profile = READ_PROFILE;
      expect((await list()).traces).toEqual([]);
      expect(forbidding.sent.at(-1)).not.toContain("output_format_json_quote_64bit_integers");
      forbidding.profile = { readonly: "1" };
      expect(await reason(store)).toMatch(/readonly = 1.*lacks/s);
      await expect(list()).rejects.toMatchObject({ code: "STORE_REJECTED" });
      forbidding.profile = {};
      expect(await reason(store)).toBeNull();
      expect((await list()).traces).toEqual([]);
      expect(forbidding.sent.at(-1)).toContain("output_format_json_quote_64bit_integers");
    } finally {
      forbidding.close();
    }
  });
});

/** An HTTP proxy that has a profile, and with `readonly` refuses every other setting. */
async function startForbidding() {
  const sent: (readonly string[])[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const { readonly, ...profile } = proxy.profile;
    const target = new URL(incoming.url ?? "/", url);
    const settings = [...target.searchParams.keys()].filter(
      (name) => !/^(query|wait_end|param_|database)/.test(name),
    );
    const changed = settings.find((name) => proxy.profile[name] !== target.searchParams.get(name));
    sent.push(settings);
    if (readonly === "1" && changed !== undefined) {
      outgoing.writeHead(500, { "x-clickhouse-exception-code": "164" });
      outgoing.end(
        `Code: 164. DB::Exception: Cannot modify '${changed}' setting in readonly mode. (READONLY) (version 26)`,
      );
      return;
    }
    for (const [name, value] of Object.entries(profile)) target.searchParams.set(name, value);
    if (readonly === "1") target.searchParams.set("readonly", readonly);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { host: _, ...headers } = incoming.headers;
    const passed = request(target, { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    passed.end(Buffer.concat(chunks));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    profile: {} as Readonly<Record<string, string>>,
    sent,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return proxy;
}
