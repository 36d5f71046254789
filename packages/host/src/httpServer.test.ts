import { request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { ReadinessCheck } from "./health.js";
import {
  type HttpHandler,
  type HttpServerOptions,
  type RunningHttpServer,
  startHttpServer,
} from "./httpServer.js";

let server: RunningHttpServer | undefined;
afterEach(async () => {
  await server?.close(100);
  server = undefined;
});

/** `Promise.withResolvers`, which Node 20 does not have. */
function withResolvers() {
  let resolve = () => {};
  const promise = new Promise<void>((resolvePromise) => {
    resolve = resolvePromise;
  });
  return { promise, resolve };
}

const errors: unknown[] = [];
async function start(
  options: { handler?: HttpHandler; check?: ReadinessCheck; port?: number } & Partial<HttpServerOptions> = {},
) {
  server = await startHttpServer({
    host: "127.0.0.1",
    port: options.port ?? 0,
    portVariable: "TEST_PORT",
    handler: options.handler ?? ((_request, response) => void response.end("handled")),
    readiness: { engine: options.check ?? (async () => {}) },
    onError: (error) => errors.push(error),
    ...(options.maxHeaderBytes === undefined ? {} : { maxHeaderBytes: options.maxHeaderBytes }),
    ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
    ...(options.headersTimeoutMs === undefined ? {} : { headersTimeoutMs: options.headersTimeoutMs }),
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
  });
  return server.url;
}

/** A connection that sends this and no more; what it received when it is closed. */
function sendRaw(
  url: string,
  text: string,
): { readonly socket: Socket; readonly closed: Promise<string>; readonly faults: readonly Error[] } {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  let received = "";
  socket.on("data", (data) => {
    received += data.toString("latin1");
  });
  const faults: Error[] = [];
  socket.on("error", (error) => faults.push(error));
  socket.write(text);
  return { socket, faults, closed: new Promise((resolve) => socket.once("close", () => resolve(received))) };
}

describe("startHttpServer", () => {
  it("passes requests to the handler", async () => {
    const url = await start();
    expect(await (await fetch(`${url}/anything`)).text()).toBe("handled");
  });

  it("answers 500 without detail when the handler throws, and goes on", async () => {
    let calls = 0;
    const url = await start({
      handler(_request, response) {
        if (calls++ === 0) throw new Error("inside");
        response.end("fine");
      },
    });
    const failed = await fetch(url);
    expect(failed.status).toBe(500);
    expect(await failed.text()).not.toContain("inside");
    expect(errors.at(-1)).toMatchObject({ message: "inside" });
    expect(await (await fetch(url)).text()).toBe("fine");
  });

  it("says which variable to change when the port is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(start({ port })).rejects.toMatchObject({
      code: "CONFIGURATION_INVALID",
      message: `Port ${port} on 127.0.0.1 is taken by another process. Stop it, or choose another port with TEST_PORT.`,
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it("lets requests in flight finish when it closes", async () => {
    let finish = () => {};
    const reached = withResolvers();
    const url = await start({
      handler(_request, response) {
        finish = () => response.end("finished");
        reached.resolve();
      },
    });
    const answer = fetch(url).then((response) => response.text());
    await reached.promise;
    const closed = server?.close(30_000);
    finish();
    expect(await answer).toBe("finished");
    await closed;
    await expect(fetch(url)).rejects.toThrow();
  });

  it("does not wait for connections on which no request is under way", { timeout: 8_000 }, async () => {
    const url = await start();
    const silent = sendRaw(url, "");
    const begun = sendRaw(url, "GET / HTTP/1.1\r\nHo");
    const kept = sendRaw(url, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await new Promise((resolve) => kept.socket.once("data", resolve));
    await server?.close(60_000);
    await Promise.all([silent.closed, begun.closed]);
    expect(await kept.closed).toMatch(/handled/);
  });

  it("takes no further request on a connection once it closes", { timeout: 8_000 }, async () => {
    const { promise: entered, resolve: enter } = withResolvers();
    const { promise: released, resolve: release } = withResolvers();
    const url = await start({
      async handler(_request, response) {
        enter();
        await released;
        response.end("handled");
      },
    });
    const busy = sendRaw(url, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await entered;
    const closed = server?.close(60_000);
    release();
    await closed;
    expect(await busy.closed).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("cuts requests that do not finish in time", async () => {
    const reached = withResolvers();
    const url = await start({ handler: () => reached.resolve() });
    const answer = new Promise((_, reject) => request(url).on("error", reject).end());
    const failed = expect(answer).rejects.toThrow();
    await reached.promise;
    await server?.close(50);
    await failed;
  });
});

describe("a server under hostile connections", () => {
  it("closes a connection whose headers do not arrive in time", { timeout: 30_000 }, async () => {
    const url = await start({ headersTimeoutMs: 100 });
    const { closed } = sendRaw(url, "GET /traces HTTP/1.1\r\nHost: a\r\nx-half: ");
    expect(await closed).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("lets a client that sends far too long headers read its answer", async () => {
    const url = await start({ maxHeaderBytes: 2_000 });
    for (let i = 0; i < 5; i++) {
      // More than the buffers of both sockets hold: most of it is unread when the answer is written.
      const { closed, faults } = sendRaw(
        url,
        `GET /a HTTP/1.1\r\nHost: a\r\nx: ${"y".repeat(8_000_000)}\r\n\r\n`,
      );
      const answer = await closed;
      expect(faults).toEqual([]);
      expect(answer).toMatch(/^HTTP\/1\.1 431 .*\r\nConnection: close\r\n/s);
      expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? "")).toMatchObject({
        error: { code: "HEADERS_TOO_LARGE" },
      });
    }
  });

  it.each([
    ["no HTTP at all", `\x16\x03\x01${"z".repeat(4_000_000)}`],
    ["a method of its own", `FETCH /a HTTP/1.1\r\nHost: a\r\n\r\n${"z".repeat(4_000_000)}`],
    [
      "a chunk without a length",
      `POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n?\r\n${"z".repeat(4_000_000)}`,
    ],
  ])("answers 400 to %s", async (_, text) => {
    const url = await start({ handler: () => {} });
    const { closed, faults } = sendRaw(url, text);
    expect(await closed).toMatch(/^HTTP\/1\.1 400 /);
    expect(faults).toEqual([]);
  });

  it("does not write into an answer that is under way", async () => {
    const url = await start({
      handler(_request, response) {
        response.writeHead(200, { "content-length": "1000000" });
        response.write("first part");
      },
    });
    const client = sendRaw(url, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    await new Promise((resolve) => client.socket.once("data", resolve));
    client.socket.write("no request\r\n\r\n");
    const answer = await client.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*first part$/s);
  });

  it("closes a connection that sends nothing at all", { timeout: 30_000 }, async () => {
    const url = await start({ headersTimeoutMs: 100 });
    await sendRaw(url, "").closed;
  });

  it("closes a connection whose body does not arrive in time", { timeout: 30_000 }, async () => {
    const url = await start({ headersTimeoutMs: 100, requestTimeoutMs: 200, handler: () => {} });
    const { closed } = sendRaw(url, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    expect(await closed).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("refuses connections beyond its limit, says so once, and serves again", {
    timeout: 30_000,
  }, async () => {
    errors.length = 0;
    const url = await start({ maxConnections: 3, headersTimeoutMs: 5_000 });
    const open = [1, 2, 3].map(() => sendRaw(url, "GET /a HTTP/1.1\r\nHost: a\r\n"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let i = 0; i < 3; i++) expect(await sendRaw(url, "GET /a HTTP/1.1\r\n").closed).toBe("");
    expect(errors).toMatchObject([{ message: expect.stringContaining("3 are open") }]);
    for (const { socket } of open) socket.destroy();
    await Promise.all(open.map(({ closed }) => closed));
    await expect.poll(async () => (await fetch(url)).text(), { timeout: 10_000 }).toBe("handled");
  });

  it("makes room by closing connections that wait for a next request", { timeout: 30_000 }, async () => {
    const url = await start({ maxConnections: 2 });
    const idle = [1, 2].map(() => sendRaw(url, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await sendRaw(url, "").closed;
    for (const { closed } of idle) expect(await closed).toContain("handled");
  });

  const repeated = (first: string, second: string) =>
    `GET /a HTTP/1.1\r\nHost: a\r\n${first}\r\n${second}\r\nConnection: close\r\n\r\n`;

  it.each([
    ["authorization: Bearer a", "Authorization: Bearer b"],
    ["X-API-Key: a", "x-api-key: b"],
    ["content-type: text/plain", "content-type: application/json"],
    ["content-encoding: gzip", "content-encoding: identity"],
    ["content-length: 1", "content-length: 0"],
    ["host: b", "x: y"],
  ])("refuses %s beside %s", async (first, second) => {
    const url = await start();
    expect(await sendRaw(url, repeated(first, second)).closed).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("takes one header twice with one value", async () => {
    const url = await start();
    const twice = repeated("authorization: Bearer a", "authorization: Bearer a");
    expect(await sendRaw(url, twice).closed).toContain("handled");
  });
});

describe("health", () => {
  it("is alive, and ready while every check passes", async () => {
    const url = await start();
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: "ok" });
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({ status: "ok", checks: { engine: "ok" } });
  });

  it("is ready with a note where a check has something to say", async () => {
    const url = await start({ check: async () => "one of three replicas is away" });
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({
      status: "ok",
      checks: { engine: "ok: one of three replicas is away" },
    });
  });

  it("is alive but not ready, with the reason, while a check fails", async () => {
    const url = await start({
      check: async () => {
        throw new Error("ClickHouse does not answer");
      },
    });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      status: "unavailable",
      checks: { engine: "ClickHouse does not answer" },
    });
  });

  it("is not ready while it drains", async () => {
    const url = await start();
    server?.beginDrain();
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ status: "draining" });
    expect(await (await fetch(`${url}/other`)).text()).toBe("handled");
  });
});
