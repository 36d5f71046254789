import { request } from "node:http";
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { ReadinessCheck } from "./health.js";
import { type HttpHandler, type RunningHttpServer, startHttpServer } from "./httpServer.js";

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
async function start(options: { handler?: HttpHandler; check?: ReadinessCheck; port?: number } = {}) {
  server = await startHttpServer({
    host: "127.0.0.1",
    port: options.port ?? 0,
    portVariable: "TEST_PORT",
    handler: options.handler ?? ((_request, response) => void response.end("handled")),
    readiness: { engine: options.check ?? (async () => {}) },
    onError: (error) => errors.push(error),
  });
  return server.url;
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
