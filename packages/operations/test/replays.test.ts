import { createEventSourcingPipeline, type Event, parseTenantId } from "@es/core";
import { type ReplayRunner, Replays, startReplayRunner } from "@es/processing";
import { LeasesMemory } from "@es/queue-memory";
import { EventStoreMemory, ProjectionStoreMemory, ReplayStoreMemory } from "@es/store-memory";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { es, type RunningOperations, serveOperations } from "./operations.js";

const acme = parseTenantId("acme");
const ids = Array.from({ length: 30 }, (_, place) => `trace-${String(place).padStart(2, "0")}`);

let store: ReplayStoreMemory;
let eventStore: EventStoreMemory<Event>;
let running: RunningOperations;
let runner: ReplayRunner | undefined;

beforeEach(async () => {
  store = new ReplayStoreMemory();
  eventStore = new EventStoreMemory<Event>();
  const event = { id: "e", type: "t", occurredAt: 1n, data: null };
  await eventStore.storeEvents(
    ids.map((aggregateId, place) => ({ ...event, aggregateId, acceptedAt: BigInt(place) * 1_000_000_000n })),
    { tenantId: acme },
  );
  running = await serveOperations({
    replays: { replays: new Replays(store), wake: () => runner?.wake() },
  });
});

afterEach(async () => {
  await runner?.stop();
  runner = undefined;
  await running.close();
});

function startRunner(): void {
  const { service } = createEventSourcingPipeline({
    eventStore,
    projectionStore: new ProjectionStoreMemory<number>(),
    eventHandler: {
      handle(stream) {
        if (stream.aggregateId === "trace-07") throw new Error("cannot fold \u001b[31m7");
        return stream.metadata.count;
      },
    },
  });
  // Only a wake makes it look again within this test.
  runner = startReplayRunner({
    store,
    source: eventStore,
    service,
    leases: new LeasesMemory(),
    intervalMs: 600_000,
  });
}

const command = (...args: string[]) => es(["replay", ...args], { OPERATIONS_URL: running.url });

async function json(...args: string[]) {
  const { code, out, err } = await command(...args, "--json");
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out);
}

async function done(id: string) {
  await vi.waitFor(async () => expect((await json("show", id)).state).toBe("done"), { timeout: 30_000 });
}

describe("es replay", () => {
  it("starts all, and shows how it went", async () => {
    startRunner();
    const { id, ...started } = await json("start", "--rate", "0");
    expect(started).toMatchObject({ state: "pending", ratePerSecond: null, tenantId: null, force: false });
    await done(id);
    const { out } = await command("show", id);
    expect(out).toMatch(/^state +done$/m);
    expect(out).toMatch(/^progress +30 of 30 \(100\.0 %\)$/m);
    expect(out).toMatch(/^rebuilt +29$/m);
    expect(out).toMatch(/^failed +1$/m);
    expect(out).toMatch(/acme +trace-07 +poison +HANDLER_FAILED +The event handler threw/);
    expect(out).not.toContain("\u001b");
    expect((await command("list")).out).toMatch(
      new RegExp(`^${id} +done +all +30 of 30 \\(100.0 %\\) +1$`, "m"),
    );
  });

  it("starts a selection", async () => {
    startRunner();
    const from = "1970-01-01T00:00:03.000000001Z";
    const { id, ...started } = await json(
      ...["start", "--tenant", "acme", "--trace", `${ids[3]},${ids[4]},${ids[20]},${ids[29]}`],
      ...["--from", from, "--to", "1970-01-01T00:00:20.000000001Z", "--rate", "12.5", "--force"],
    );
    expect(started).toMatchObject({
      tenantId: "acme",
      aggregateIds: [ids[3], ids[4], ids[20], ids[29]],
      from,
      to: "1970-01-01T00:00:20.000000001Z",
      ratePerSecond: 12.5,
      force: true,
    });
    await done(id);
    expect(await json("show", id)).toMatchObject({ total: 2, rebuilt: 2, perSecond: expect.any(Number) });
    expect((await command("list")).out).toMatch(/tenant acme, 4 listed/);
  });

  it("pauses, resumes and cancels", async () => {
    const { id } = await json("start");
    expect(await json("pause", id)).toMatchObject({ state: "paused", ratePerSecond: 200 });
    expect(await json("resume", id, "--rate", "7")).toMatchObject({ state: "pending", ratePerSecond: 7 });
    expect(await json("resume", id, "--rate", "0")).toMatchObject({ ratePerSecond: null });
    expect(await json("cancel", id)).toMatchObject({ state: "cancelled" });
    expect(await command("resume", id)).toEqual({
      code: 1,
      out: "",
      err: `Replay ${id} is cancelled: start a new one.`,
    });
    startRunner();
    const { id: next } = await json("start", "--rate", "0");
    await done(next);
    expect(await json("show", id)).toMatchObject({ state: "cancelled", processed: 0 });
    const first = await json("list", "--limit", "1");
    expect(first.replays.map((replay: { id: string }) => replay.id)).toEqual([[id, next].sort().at(-1)]);
    expect((await json("list", "--cursor", first.nextCursor)).replays).toHaveLength(1);
  });

  it("says how long it will take", async () => {
    const { definition, control } = await new Replays(store).start();
    await store.storeProgress(definition.id, {
      ...{ revision: 1, cursor: "c", total: 100_000, rebuilt: 999, empty: 1, failed: 0, failures: [] },
      ...{ startedAt: 1, updatedAt: 2, activeMs: 100_000, finishedAt: null, stop: null },
    });
    const { out } = await command("show", definition.id);
    expect(out).toMatch(/^progress +1000 of 100000 \(1\.0 %\)$/m);
    expect(out).toMatch(/^speed +10\.0\/s$/m);
    expect(out).toMatch(/^remaining +2 h 45 min$/m);
    const stop = { code: "STORE_REJECTED", reason: "No grant", controlRevision: control.revision };
    const progress = (await store.getReplay(definition.id))?.progress;
    if (progress) await store.storeProgress(definition.id, { ...progress, revision: 2, stop });
    const failed = (await command("show", definition.id)).out;
    expect(failed).toMatch(/^state +failed\nreason +STORE_REJECTED: No grant$/m);
    expect(failed).not.toContain("remaining");
  });

  it.each([
    [["start", "--rate", "fast"], 2, /^--rate is "fast": expected a number from 0$/],
    [["start", "--from", "yesterday"], 1, /^from: expected a time such as/],
    [
      ["start", "--from", "1900000000"],
      1,
      /^from: expected .* if these are seconds, write 1900000000000000000/,
    ],
    [["start", "--to", "1900000000000"], 1, /^to: expected .* if these are milliseconds/],
    [["show", ".."], 2, /^"\.\." is not an id/],
    [
      ["start", "--from", `19${"0".repeat(17)}`, "--to", `19${"0".repeat(17)}`],
      1,
      /^The accepted range ends before it begins\.$/,
    ],
    [["start", "--trace", ","], 1, /^A replay lists 1 to 1000 ids/],
    [["start", "--tenant", "a\u0000"], 1, /^tenantId: Tenant id must not hold control characters/],
    [["show", "nothing"], 1, /^There is no replay "nothing"$/],
    [["pause", "nothing"], 1, /^There is no replay "nothing"$/],
    [["pause"], 2, /^Usage: es replay pause <id> \[options\]$/],
  ] as const)("says what is wrong with %j", async (args, code, message) => {
    const result = await command(...args);
    expect(result).toMatchObject({ code, out: "", err: expect.stringMatching(message) });
    expect((await store.listReplays()).items).toEqual([]);
    expect(running.errors).toEqual([]);
  });
});
