import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parseTenantId } from "@es/core";
import { createJsonApi } from "@es/host";
import { getRequestListener } from "@hono/node-server";
import { afterEach, expect, it } from "vitest";
import type { Reader } from "./reader.js";
import { ReadGate } from "./readGate.js";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A console with one route, whose reads go on until they are ended. */
async function startConsole(reads: number, bytes = 1e9) {
  const running: { tenant: string; signal: AbortSignal; end: () => void }[] = [];
  const gate = new ReadGate({ CONSOLE_MAX_READS: reads, CONSOLE_MAX_READ_BYTES: bytes }, 1_000_000);
  const app = createJsonApi<Reader>({ onError: () => undefined });
  app.use("/:tenant", async (context, next) => {
    context.set("tenantId", parseTenantId(context.req.param("tenant")));
    await next();
  });
  app.get("/:tenant", gate.admit("page"), async (context) => {
    const { signal } = context.req.raw;
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      running.push({ tenant: context.var.tenantId, signal, end: resolve });
    });
    return context.json({});
  });
  const server = createServer(getRequestListener(app.fetch));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const read = (tenant: string, signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${port}/${tenant}`, signal === undefined ? {} : { signal });
  return { running, read };
}

it("lets one tenant's reads have half of the room, and another's start at once", async () => {
  const { running, read } = await startConsole(4);
  const many = Array.from({ length: 10 }, () => read("greedy"));
  await expect.poll(() => running.length).toBe(2);
  const other = read("modest");
  await expect.poll(() => running.map(({ tenant }) => tenant)).toEqual(["greedy", "greedy", "modest"]);
  running[2]?.end();
  expect((await other).status).toBe(200);
  for (let ended = 0; ended < 10; ended++) {
    await expect
      .poll(() => running.filter(({ tenant }) => tenant === "greedy").length)
      .toBeGreaterThan(ended);
    running.filter(({ tenant }) => tenant === "greedy")[ended]?.end();
  }
  expect((await Promise.all(many)).map(({ status }) => status)).toEqual(Array(10).fill(200));
});

it("lets as many reads run at once as their memory allows", async () => {
  // A page of 1 MB takes 8 MB.
  const { running, read } = await startConsole(100, 32_000_000);
  const all = ["a", "a", "a", "b", "b", "b", "c"].map((tenant) => read(tenant));
  await expect.poll(() => running.length).toBe(4);
  expect(running.filter(({ tenant }) => tenant === "a").length).toBeLessThanOrEqual(2);
  for (let ended = 0; ended < 7; ended++) {
    await expect.poll(() => running.length).toBeGreaterThan(ended);
    running[ended]?.end();
  }
  await Promise.all(all);
});

it("ends a read whose client leaves, also one that waits", async () => {
  const { running, read } = await startConsole(2);
  const leaving = new AbortController();
  const left = [1, 2, 3].map(() => read("a", leaving.signal).catch((error: unknown) => error));
  await expect.poll(() => running.length).toBe(1);
  leaving.abort();
  await Promise.all(left);
  await expect.poll(() => running[0]?.signal.aborted).toBe(true);
  const next = read("a");
  await expect.poll(() => running.at(-1)?.signal.aborted).toBe(false);
  // Those that waited never ran.
  expect(running).toHaveLength(2);
  running[1]?.end();
  expect((await next).status).toBe(200);
});

it("refuses a tenant's read when too many of it wait, and says when to try again", async () => {
  const { running, read } = await startConsole(1);
  const waiting = Array.from({ length: 201 }, () => read("a"));
  await expect.poll(() => running.length).toBe(1);
  // All have arrived when one of as many again is refused.
  const refused = await Promise.race(Array.from({ length: 201 }, () => read("a")));
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("2");
  expect(await refused.json()).toEqual({
    error: { code: "TOO_MANY_READS", message: expect.stringContaining("try again") },
  });
  for (const promise of waiting) promise.catch(() => undefined);
});
