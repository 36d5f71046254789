import { randomBytes } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { createApiKey } from "@es/api-keys";
import { encodeTraceRequest } from "@es/otlp";
import { hostileTenantIds } from "@es/testkit";
import { freePort } from "@es/tooling-engines";
import type { TraceProjectionJson } from "@es/trace-projection";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Standalone, startStandalone } from "./apps.js";
import { makeSpan } from "./otlpClient.js";
import { killLeftovers, temporaryFolder, until } from "./processes.js";

interface Tenant {
  readonly id: string;
  readonly key: string;
  readonly hash: string;
}

const tenantOf = (id: string): Tenant => ({ id, ...createApiKey() });
const tenants = hostileTenantIds.map(tenantOf);
const [ada, bob, readOnly, ingestOnly] = ["ada", "bob", "ada", "ada"].map(tenantOf) as [
  Tenant,
  Tenant,
  Tenant,
  Tenant,
];

const entryOf = ({ id, hash }: Tenant, scopes = ["ingest", "read"]) => ({ tenant: id, hash, scopes });
const entries = [
  ...[...tenants, ada, bob].map((tenant) => entryOf(tenant)),
  entryOf(readOnly, ["read"]),
  entryOf(ingestOnly, ["ingest"]),
];

const PASSWORD = "tenants";
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let keysFile: string;
let enginePort: number;
let standalone: Standalone;

async function writeKeys(keys: readonly object[]): Promise<void> {
  await writeFile(`${keysFile}.new`, JSON.stringify({ keys }));
  await rename(`${keysFile}.new`, keysFile);
}

beforeAll(async () => {
  folder = await temporaryFolder();
  keysFile = join(folder.path, "keys.json");
  await writeKeys(entries);
  enginePort = await freePort();
  standalone = await startStandalone(join(folder.path, "data"), {
    API_KEYS_FILE: keysFile,
    CLICKHOUSE_PORT: String(enginePort),
    CLICKHOUSE_PASSWORD: PASSWORD,
  });
});
afterAll(async () => {
  await standalone.process.stop();
  await killLeftovers();
  await folder.remove();
});

const bearer = ({ key }: Tenant) => ({ authorization: `Bearer ${key}` });

async function send(
  headers: Readonly<Record<string, string>>,
  spans: Parameters<typeof encodeTraceRequest>[0],
  query = "",
): Promise<Response> {
  return fetch(`${standalone.ingestUrl}/v1/traces${query}`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf", ...headers },
    body: encodeTraceRequest(spans, "protobuf"),
  });
}

const get = (tenant: Tenant | undefined, path: string) =>
  fetch(`${standalone.consoleUrl}${path}`, { headers: tenant === undefined ? {} : bearer(tenant) });

async function read<T>(tenant: Tenant, path: string): Promise<T> {
  const response = await get(tenant, path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

interface Listing {
  readonly traces: readonly TraceProjectionJson[];
  readonly nextCursor: string | null;
}

const untilProjected = (tenant: Tenant, traceId: string, spanCount: number) =>
  until(`tenant ${JSON.stringify(tenant.id)} sees ${spanCount} spans of ${traceId}`, async () => {
    const response = await get(tenant, `/api/traces/${traceId}`);
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    const projection = (await response.json()) as TraceProjectionJson;
    return projection.spanCount >= spanCount ? projection : undefined;
  });

describe("tenants with hostile ids", () => {
  const traceId = randomBytes(16).toString("hex");
  const rootId = randomBytes(8).toString("hex");
  /** A number of spans by which each can be told from its neighbours. */
  const countOf = (place: number) => 1 + (place % 7);

  it("keep the same trace id and span ids apart, from the request to the page", {
    timeout: 300_000,
  }, async () => {
    for (const [place, tenant] of tenants.entries()) {
      const spans = Array.from({ length: countOf(place) }, (_, i) =>
        makeSpan({
          traceId,
          spanId: i === 0 ? rootId : (BigInt(`0x${rootId}`) ^ BigInt(i)).toString(16).padStart(16, "0"),
          parentSpanId: i === 0 ? "" : rootId,
          name: `${place}`,
          attributes: new Map([["gen_ai.usage.input_tokens", BigInt(place + 1)]]),
        }),
      );
      const answer = await send(place % 2 === 0 ? bearer(tenant) : { "x-api-key": tenant.key }, spans);
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
    for (const [place, tenant] of tenants.entries()) {
      const projection = await untilProjected(tenant, traceId, countOf(place));
      expect(projection).toMatchObject({
        tenantId: tenant.id,
        traceId,
        name: `${place}`,
        spanCount: countOf(place),
        // A parent's figure is its children's, if it has any.
        usage: { inputTokens: (place + 1) * Math.max(1, countOf(place) - 1) },
      });
      const { spans } = await read<{ spans: { name: string }[] }>(tenant, `/api/traces/${traceId}/spans`);
      expect(spans.map(({ name }) => name)).toEqual(Array.from({ length: countOf(place) }, () => `${place}`));
      const { traces, nextCursor } = await read<Listing>(tenant, "/api/traces");
      expect(traces.map((trace) => [trace.tenantId, trace.traceId, trace.name])).toEqual([
        [tenant.id, traceId, `${place}`],
      ]);
      expect(nextCursor).toBeNull();
    }
  });

  it("are in the tables exactly as they are, and nobody else is", async () => {
    const client = createClient({
      url: `http://127.0.0.1:${enginePort}`,
      password: PASSWORD,
      database: "es",
    });
    try {
      const rows = await client.query({
        query: "SELECT DISTINCT TenantId AS id FROM spans WHERE TraceId = {traceId: String}",
        query_params: { traceId },
        format: "JSONEachRow",
      });
      const stored = (await rows.json<{ id: string }>()).map(({ id }) => id);
      expect(stored.sort()).toEqual([...hostileTenantIds].sort());
    } finally {
      await client.close();
    }
  });
});

describe("a cursor", () => {
  it("taken from one tenant shows another nothing but its own", { timeout: 300_000 }, async () => {
    const traces = new Map<Tenant, string[]>();
    for (const tenant of [ada, bob]) {
      const ids: string[] = [];
      for (let i = 0; i < 4; i++) {
        // One start for all: only the ids order them, so that a mixed listing would interleave.
        const span = makeSpan({ name: tenant.id });
        expect((await send(bearer(tenant), [span])).status).toBe(200);
        ids.push(span.traceId);
      }
      for (const id of ids) await untilProjected(tenant, id, 1);
      traces.set(tenant, ids.sort());
    }
    for (const [owner, thief] of [
      [ada, bob],
      [bob, ada],
    ] as const) {
      const own = traces.get(thief) as string[];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page: Listing = await read<Listing>(owner, `/api/traces?limit=1${query}`);
        cursor = page.nextCursor;
        if (cursor === null) break;
        const stolen = await read<Listing>(thief, `/api/traces?cursor=${encodeURIComponent(cursor)}`);
        const after = page.traces[0]?.traceId ?? "";
        expect(stolen.traces.map(({ traceId }) => traceId)).toEqual(own.filter((id) => id > after));
      } while (cursor !== null);
    }
    for (const id of traces.get(ada) as string[]) {
      expect((await get(bob, `/api/traces/${id}`)).status).toBe(404);
      expect((await get(bob, `/api/traces/${id}/spans`)).status).toBe(404);
      expect((await get(bob, `/api/traces/${id}/explain`)).status).toBe(404);
      expect((await get(bob, `/traces/${id}`)).status).toBe(404);
    }
  });
});

describe("nothing but the key says whose a request is", () => {
  it.each<[string, Record<string, string>, string]>([
    ["headers", { "x-tenant-id": "bob", "x-scope-orgid": "bob", tenant: "bob", "tenant-id": "bob" }, ""],
    ["query parameters", {}, "?tenant=bob&tenantId=bob&tenant_id=bob"],
    ["baggage", { baggage: "tenant.id=bob,tenantId=bob" }, ""],
  ])("when sending: %s", async (_, headers, query) => {
    const span = makeSpan({
      attributes: new Map([
        ["tenant.id", "bob"],
        ["TenantId", "bob"],
      ]),
      resource: { attributes: new Map([["tenant.id", "bob"]]), droppedAttributesCount: 0, schemaUrl: "" },
    });
    expect((await send({ ...bearer(ada), ...headers }, [span], query)).status).toBe(200);
    expect((await untilProjected(ada, span.traceId, 1)).tenantId).toBe("ada");
    expect((await get(bob, `/api/traces/${span.traceId}`)).status).toBe(404);
  });

  it("when reading: a parameter that is none of the listing's is refused", async () => {
    for (const name of ["tenant", "tenantId", "tenant_id", "TenantId"]) {
      expect((await get(ada, `/api/traces?${name}=bob`)).status).toBe(400);
      expect((await get(ada, `/api/traces?limit=5&${name}[]=bob`)).status).toBe(400);
    }
    const response = await fetch(`${standalone.consoleUrl}/api/traces?limit=500`, {
      headers: { ...bearer(ada), "x-tenant-id": "bob", "x-forwarded-user": "bob" },
    });
    const { traces } = (await response.json()) as Listing;
    expect(new Set(traces.map(({ tenantId }) => tenantId))).toEqual(new Set(["ada"]));
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  it("when a request brings two keys: it is refused", async () => {
    const span = makeSpan();
    const answers = await Promise.all([
      send({ authorization: `Bearer ${ada.key}`, "x-api-key": bob.key }, [span]),
      send({ "x-api-key": `${ada.key}, ${bob.key}` }, [span]),
      fetch(`${standalone.consoleUrl}/api/traces`, {
        headers: { authorization: `Bearer ${ada.key}`, "x-api-key": bob.key },
      }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
  });

  it("when a key is followed by a line end and another header: it is no key", async () => {
    for (const smuggled of [
      "\r\nx-api-key: ",
      "\nx-api-key: ",
      "\r\nauthorization: Bearer ",
      "\u0000",
      " ",
    ]) {
      const raw = await rawRequest(
        standalone.consoleUrl,
        `GET /api/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: ${ada.key}${smuggled}${bob.key}\r\n\r\n`,
      );
      expect(raw).toMatch(/^HTTP\/1\.1 40[01] /);
      expect(raw).not.toContain('"traces"');
    }
  });
});

describe("a request without the right key", () => {
  it.each<[string, Record<string, string>, number, RegExp]>([
    ["none", {}, 401, /^Bearer realm="es"$/],
    ["one there is not", { authorization: `Bearer ${createApiKey().key}` }, 401, /error="invalid_token"/],
    ["the stored hash", { "x-api-key": ada.hash }, 401, /error="invalid_token"/],
    ["one for reading", bearer(readOnly), 403, /error="insufficient_scope", scope="ingest"/],
  ])("cannot send: %s", async (_, headers, status, challenge) => {
    const span = makeSpan();
    const answer = await send(headers, [span]);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("www-authenticate")).toMatch(challenge);
    expect(answer.headers.get("retry-after")).toBeNull();
    expect((await get(ada, `/api/traces/${span.traceId}`)).status).toBe(404);
  });

  it("cannot read", async () => {
    for (const path of [
      "/api/traces",
      `/api/traces/${"0".repeat(31)}1`,
      `/api/traces/${"0".repeat(31)}1/spans`,
      `/api/traces/${"0".repeat(31)}1/explain`,
      "/",
      `/traces/${"0".repeat(31)}1`,
    ]) {
      const without = await get(undefined, path);
      expect(without.status).toBe(401);
      expect(without.headers.get("www-authenticate")).toMatch(/^Bearer/);
      expect(((await without.json()) as { error: { code: string } }).error.code).toBe("UNAUTHENTICATED");
      const forbidden = await get(ingestOnly, path);
      expect(forbidden.status).toBe(403);
      expect(((await forbidden.json()) as { error: { code: string } }).error.code).toBe("FORBIDDEN");
    }
    // Health is for whoever runs the app.
    expect((await fetch(`${standalone.consoleUrl}/readyz`)).status).toBe(200);
    expect((await fetch(`${standalone.ingestUrl}/readyz`)).status).toBe(200);
  });

  it("is answered before its body arrives", async () => {
    const raw = await rawRequest(
      standalone.ingestUrl,
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 60000000\r\n\r\n",
      /\r\n\r\n/,
    );
    expect(raw).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe("keys", () => {
  it("are taken over, and taken away, without a restart", async () => {
    const fresh = tenantOf("ada");
    expect((await get(fresh, "/api/traces")).status).toBe(401);
    await writeKeys([...entries, entryOf(fresh)]);
    await until("the new key is taken", async () =>
      (await get(fresh, "/api/traces")).status === 200 ? true : undefined,
    );
    // What cannot be read changes nothing, and is said.
    await writeFile(keysFile, `{"keys": [{"tenant": "ada", "hash": "${fresh.key}"`);
    await until("the log says why", () =>
      /not JSON.*The changed API keys cannot be used/.test(standalone.process.output()) ? true : undefined,
    );
    expect((await get(fresh, "/api/traces")).status).toBe(200);
    await writeKeys(entries);
    await until("the key is gone", async () =>
      (await get(fresh, "/api/traces")).status === 401 ? true : undefined,
    );
    expect((await get(ada, "/api/traces")).status).toBe(200);
  });

  it("are nowhere in what the process prints", () => {
    for (const { key, hash } of [...tenants, ada, bob, readOnly, ingestOnly]) {
      expect(standalone.process.output()).not.toContain(key);
      expect(standalone.process.output()).not.toContain(hash);
    }
  });
});

/** Writes bytes as they are; resolves with what comes back when the server closes or the pattern is there. */
function rawRequest(url: string, text: string, enough?: RegExp): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let received = "";
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      if (enough?.test(received) === true) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
  });
}
