import { ProjectionQueueMemory } from "@es/queue-memory";
import { afterEach, describe, expect, it } from "vitest";
import { createOperationsRoutes, type OperationsDependencies } from "../src/index.js";
import { type RunningOperations, serveOperations } from "./operations.js";

let running: RunningOperations | undefined;
afterEach(async () => {
  await running?.close();
});

const queue = new ProjectionQueueMemory();
// Neither is called: the index only says that there are routes for them.
const everything = {
  projections: { sessions: { queue, reconcile: async () => 0 } },
  replays: {} as NonNullable<OperationsDependencies["replays"]>,
  generations: {} as NonNullable<OperationsDependencies["generations"]>,
};

interface Index {
  readonly requests: readonly { readonly method: string; readonly path: string; readonly does: string }[];
}

describe("GET /operations", () => {
  it("lists every request there is and no other, as JSON", async () => {
    running = await serveOperations(everything);
    const response = await fetch(`${running.url}/operations`, { headers: { accept: "application/json" } });
    expect(response.status).toBe(200);
    const { requests } = (await response.json()) as Index;
    const routes = createOperationsRoutes({
      ...everything,
      queue,
      reconcile: async () => 0,
      host: "127.0.0.1",
      onError: () => {},
    }).routes.filter(({ method, path }) => method !== "ALL" && path !== "/operations");
    const served = routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    expect(requests.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(served.sort());
  });

  it("leaves out what the worker does not serve, and is plain text for people", async () => {
    running = await serveOperations();
    const response = await fetch(`${running.url}/operations`);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    const text = await response.text();
    expect(text).toMatch(/^GET {3}\/operations\/queue\s+counts/m);
    expect(text).not.toContain("/operations/replays");
    expect(text).not.toContain("/operations/projections");
  });

  it("is guarded like every other request", async () => {
    running = await serveOperations({}, { token: "a-token-of-visible-characters" });
    expect((await fetch(`${running.url}/operations`)).status).toBe(401);
  });
});
