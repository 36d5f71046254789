import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { parseTenantId } from "@es/core";
import { getRequestListener } from "@hono/node-server";
import { stream } from "hono/streaming";
import { describe, expect, it, vi } from "vitest";
import { acceptsGzip } from "./compressAnswers.js";
import { answerJson, createJsonApi, RequestError } from "./jsonApi.js";

const long = { text: "word ".repeat(2_000) };

function api() {
  const app = createJsonApi({ onError: () => undefined });
  app.get("/long", (context) => context.json(long, 200, { "x-own": "kept" }));
  app.get("/short", (context) => context.json({ text: "word" }));
  app.get("/page", (context) => context.html(`<p>${long.text}</p>`));
  app.get("/fails", () => {
    throw new RequestError(422, "TOO_LARGE", long.text, { "retry-after": "2" });
  });
  app.get("/lines", (context) => {
    context.header("content-type", "application/x-ndjson");
    return stream(context, async (lines) => {
      for (let i = 0; i < 100; i++) await lines.writeln(JSON.stringify(long));
    });
  });
  app.get("/text", (context) => context.text(long.text));
  return app;
}

const gzip = { headers: { "accept-encoding": "gzip" } };

async function inflated(response: Response): Promise<string> {
  return gunzipSync(await response.arrayBuffer()).toString();
}

describe("large answers in JSON", () => {
  const value = { list: Array.from({ length: 40_000 }, (_, n) => ({ n, text: `größe ${n}` })) };
  const text = JSON.stringify(value);

  async function listening() {
    const app = createJsonApi({ onError: () => undefined });
    app.get("/large", (context) => answerJson(context, parseTenantId("t"), value));
    app.get("/small", (context) => answerJson(context, parseTenantId("t"), long));
    app.get("/tiny", (context) => answerJson(context, parseTenantId("t"), {}));
    const server = createServer(getRequestListener(app.fetch));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const get = (path: string, encoding: string, signal?: AbortSignal) =>
      fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
        headers: { "accept-encoding": encoding },
        signal: signal ?? null,
      });
    return { server, get };
  }

  it("are whole, compressed or not", async () => {
    const { server, get } = await listening();
    try {
      for (const [path, expected] of [
        ["/large", text],
        ["/small", JSON.stringify(long)],
        ["/tiny", "{}"],
      ] as const) {
        const plain = await get(path, "identity");
        expect(plain.headers.get("content-length")).toBe(String(Buffer.byteLength(expected)));
        expect(plain.headers.get("content-type")).toBe("application/json");
        expect(await plain.text()).toBe(expected);
        const compressed = await get(path, "gzip");
        expect(compressed.headers.get("content-encoding")).toBe(path === "/tiny" ? null : "gzip");
        expect(compressed.headers.get("vary")).toBe("accept-encoding");
        expect(await compressed.text()).toBe(expected);
      }
    } finally {
      server.close();
    }
  });

  it("whose clients leave leave nothing behind, and the next is answered", async () => {
    const { server, get } = await listening();
    try {
      for (const encoding of ["gzip", "identity"]) {
        for (let i = 0; i < 5; i++) {
          const leaving = new AbortController();
          const response = await get("/large", encoding, leaving.signal);
          await response.body?.getReader().read();
          leaving.abort();
        }
        expect(await (await get("/large", encoding)).text()).toBe(text);
      }
      await vi.waitFor(async () => {
        const open = await new Promise<number>((resolve) =>
          server.getConnections((_, count) => resolve(count)),
        );
        expect(open).toBeLessThan(4);
      });
    } finally {
      server.close();
    }
  });
});

describe("answers", () => {
  it("of JSON and pages above 1 KB are compressed for who accepts it", async () => {
    const response = await api().request("/long", gzip);
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(response.headers.get("vary")).toBe("accept-encoding");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("x-own")).toBe("kept");
    expect(JSON.parse(await inflated(response))).toEqual(long);
    const page = await api().request("/page", gzip);
    expect(page.headers.get("content-encoding")).toBe("gzip");
    expect(await inflated(page)).toContain(long.text);
  });

  it("with an error are compressed too, and keep their status and headers", async () => {
    const response = await api().request("/fails", gzip);
    expect(response.status).toBe(422);
    expect(response.headers.get("retry-after")).toBe("2");
    expect(JSON.parse(await inflated(response))).toMatchObject({ error: { code: "TOO_LARGE" } });
  });

  it("that are small, or for who does not accept gzip, pass as they are, and say that they vary", async () => {
    for (const [path, request] of [
      ["/short", gzip],
      ["/long", {}],
      ["/long", { headers: { "accept-encoding": "br, identity;q=1, gzip;q=0.5" } }],
    ] as const) {
      const response = await api().request(path, request);
      expect(response.headers.has("content-encoding")).toBe(false);
      expect(response.headers.get("vary")).toBe("accept-encoding");
      expect(await response.json()).toHaveProperty("text");
    }
  });

  it("of lines and of other types pass as they are", async () => {
    for (const path of ["/lines", "/text"]) {
      const response = await api().request(path, gzip);
      expect(response.headers.has("content-encoding")).toBe(false);
      expect(await response.text()).toContain(long.text);
    }
  });

  it("arrive whole over HTTP", async () => {
    const server = createServer(getRequestListener(api().fetch));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      // fetch accepts gzip, and inflates it.
      const responses = await Promise.all(
        ["/long", "/short", "/fails"].map((path) => fetch(`http://127.0.0.1:${port}${path}`)),
      );
      expect(responses.map(({ headers }) => headers.get("content-encoding"))).toEqual(["gzip", null, "gzip"]);
      expect(await responses[0]?.json()).toEqual(long);
    } finally {
      server.close().closeAllConnections();
    }
  });
});

describe("acceptsGzip", () => {
  it.each([
    "gzip",
    "GZIP",
    "deflate, gzip;q=1.0",
    "*",
    "br;q=1, *;q=0.1",
    "x-gzip",
    "gzip;q=0.001",
    "identity;q=0, gzip",
  ])("takes %j", (header) => expect(acceptsGzip(header)).toBe(true));

  it.each([
    undefined,
    "",
    "br",
    "gzip;q=0",
    "gzip;q=0.0, *",
    "*;q=0",
    "identity",
    "identity, gzip;q=0.9",
    "gzip;q=x",
  ])("does not take %j", (header) => expect(acceptsGzip(header)).toBe(false));
});
