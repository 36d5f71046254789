import { createEventSourcingPipeline, type Event, parseTenantId } from "@es/core";
import { type GenerationChange, GenerationOperations, ProjectionGenerations } from "@es/processing";
import { EventStoreMemory, ProjectionStoreMemory } from "@es/store-memory";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { es, type RunningOperations, serveOperations } from "./operations.js";

type Projection = Readonly<Record<string, unknown>>;

const tenantId = parseTenantId("acme");
const context = { tenantId };
/** What each version makes of a trace; the second refuses `bad`. */
const handlers = [1, 2].map((version) => ({
  version,
  handle: ({ aggregateId }: { readonly aggregateId: string }): Projection => {
    if (version === 2 && aggregateId === "bad") throw new Error("no model");
    return { name: aggregateId, tokens: aggregateId === "t2" ? version : 1 };
  },
}));

let running: RunningOperations;
let dropped: number[];
let rebuild: (generation: number, traceId: string) => Promise<unknown>;

beforeEach(async () => {
  dropped = [];
  const eventStore = new EventStoreMemory<Event>();
  const stores = handlers.map(() => new ProjectionStoreMemory<Projection>());
  const storeOf = (generation: number) => stores[generation - 1] as ProjectionStoreMemory<Projection>;
  const traces = ["t1", "t2", "bad"];
  await eventStore.storeEvents(
    traces.map((aggregateId) => ({
      id: "s",
      aggregateId,
      type: "span",
      occurredAt: 1n,
      acceptedAt: 1n,
      data: null,
    })),
    context,
  );
  rebuild = (generation, traceId) =>
    createEventSourcingPipeline({
      eventStore,
      projectionStore: storeOf(generation),
      eventHandler: handlers[generation - 1] as (typeof handlers)[number],
    }).service.rebuildProjection(traceId, { eventStoreContext: context, projectionStoreContext: context });
  for (const traceId of traces) await rebuild(1, traceId);

  running = await serveOperations({
    generations: new GenerationOperations({
      generations: new ProjectionGenerations({
        eventStore: new EventStoreMemory<GenerationChange>(),
        projection: "trace",
      }),
      runnable: [1, 2],
      storage: {
        prepare: async () => {},
        storeOf,
        lagOf: (generation) => ({
          async listLagging() {
            const read = await storeOf(generation).getProjections(traces, context);
            const items = traces.filter((id) => read.get(id)?.status === "absent");
            const lag = { storedEvents: 1, projectedEvents: 0, laggingSince: 1n, lagMs: 1 };
            return {
              items: items.map((aggregateId) => ({ tenantId, aggregateId, ...lag })),
              nextCursor: null,
            };
          },
        }),
        async *sample(_, sample) {
          const chosen = sample === "all" ? traces : traces.slice(0, sample.size);
          yield* chosen.map((aggregateId) => ({ tenantId, aggregateId }));
        },
        drop: async (generation) => void dropped.push(generation),
      },
    }),
  });
});
afterEach(() => running.close());

const command = (...args: string[]) => es(["generations", ...args], { OPERATIONS_URL: running.url });
const json = async (...args: string[]) => JSON.parse((await command(...args, "--json")).out);

describe("es generations", () => {
  it("lists what serves, and what can be begun", async () => {
    const { code, out } = await command("list");
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      "generation  state    since  handler here",
      "──────────  ───────  ─────  ────────────",
      "1           serving         yes",
      "To begin: 2",
    ]);
    expect(await json("list")).toEqual({
      projection: "trace",
      revision: 0,
      serving: 1,
      previous: null,
      generations: [{ number: 1, state: "serving", since: null, runnable: true }],
      runnable: [1, 2],
    });
  });

  it("begins, compares, switches, rolls back, retires and drops", { timeout: 60_000 }, async () => {
    const begun = await json("begin", "2");
    expect(begun.generations[1]).toEqual({
      number: 2,
      state: "building",
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      runnable: true,
    });
    for (const traceId of ["t1", "t2"]) await rebuild(2, traceId);

    const comparison = await json("compare", "2", "--all");
    expect(comparison).toMatchObject({
      compared: 3,
      same: 1,
      different: 1,
      onlyFrom: 1,
      fields: [
        {
          field: "/tokens",
          count: 1,
          examples: [{ tenantId: "acme", aggregateId: "t2", from: "1", to: "2" }],
        },
      ],
    });
    const { out } = await command("compare", "2", "--all");
    expect(out).toMatch(/^compared +3$/m);
    expect(out).toMatch(/^\/tokens +1 +acme +t2 +1 +2$/m);
    expect(await json("compare", "2", "--size", "1", "--seed", "3")).toMatchObject({ compared: 1, same: 1 });
    expect(await json("compare", "2", "--tenant", "acme", "--trace", "t2")).toMatchObject({ different: 1 });
    expect(await json("compare", "2", "--all", "--examples", "0")).toMatchObject({
      fields: [{ examples: [] }],
    });

    const refused = await command("switch", "2");
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('["acme","bad"]') });
    expect((await json("list")).serving).toBe(1);
    expect(await json("switch", "2", "--force")).toMatchObject({ serving: 2, previous: 1 });
    expect(await json("rollback")).toMatchObject({ serving: 1, previous: null });
    expect(await command("rollback")).toMatchObject({
      code: 1,
      err: expect.stringContaining("none before it"),
    });
    expect((await json("retire", "2")).generations[1]).toMatchObject({ state: "retired" });
    expect(await command("drop", "2")).toMatchObject({ code: 0, out: "Removed what generation 2 held" });
    expect(dropped).toEqual([2]);
  });

  it.each([
    [["begin"], "Usage: es generations begin <number> [options]"],
    [["compare", "2", "--trace", "t1"], "Give --tenant and --trace together"],
    [["compare", "2", "--size", "many"], '--size is "many": expected a number'],
  ])("says what is wrong with %j", async (args, err) => {
    expect(await command(...args)).toEqual({ code: 2, out: "", err });
  });
});

describe("/operations/generations", () => {
  const post = async (path: string, body: object = {}) => {
    const response = await fetch(`${running.url}/operations/generations/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as { error?: { code: string } } };
  };

  it.each([
    ["0/begin", {}],
    ["x/begin", {}],
    ["2/begin", { now: true }],
    ["2/switch", { force: "yes" }],
    ["2/compare", { all: true, size: 3 }],
    ["2/compare", { size: 0 }],
    ["2/compare", { refs: [] }],
    ["2/compare", { refs: [{ tenantId: "", aggregateId: "a" }] }],
  ])("refuses %s with %j", async (path, body) => {
    expect(await post(path, body)).toMatchObject({ status: 400, body: { error: { code: "BAD_REQUEST" } } });
  });

  it("answers 409 for what is not possible as things stand", async () => {
    for (const path of ["3/begin", "2/switch", "2/compare", "1/retire", "1/drop", "rollback"]) {
      expect(await post(path), path).toMatchObject({
        status: 409,
        body: { error: { code: "GENERATION_REFUSED" } },
      });
    }
    expect(running.errors).toEqual([]);
  });

  it("is not there where a worker has none", async () => {
    const other = await serveOperations();
    expect((await fetch(`${other.url}/operations/generations`)).status).toBe(404);
    await other.close();
  });
});
