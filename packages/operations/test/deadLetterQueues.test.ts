import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { EventSourcingError, parseTenantId } from "@es/core";
import type {
  DeadLetters,
  ProjectionQueue,
  ProjectionRun,
  ProjectionWorker,
  RedriveOptions,
} from "@es/processing";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "@es/queue-bullmq";
import { ProjectionQueueMemory } from "@es/queue-memory";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { es, type RunningOperations, serveOperations } from "./operations.js";

const waiting = { timeout: 20_000, interval: 5 };
const tenantId = parseTenantId("acme");
const ref = (aggregateId: string) => ({ tenantId, aggregateId });

interface Work {
  readonly queue: ProjectionQueue;
  readonly worker: ProjectionWorker;
}

const queues: Readonly<Record<string, (run: ProjectionRun) => Work>> = {
  memory(run) {
    const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null, attempts: 1 });
    return { queue, worker: queue.work(run, { concurrency: 1 }) };
  },
  BullMQ(run) {
    const place = { connection: process.env.REDIS_URL ?? "", prefix: `{${randomUUID()}}`, telemetry: null };
    const queue = new ProjectionQueueBullMQ({ ...place, delayMs: 0, attempts: 1, timeoutMs: 20_000 });
    return { queue, worker: new ProjectionWorkerBullMQ({ ...place, run, limiter: null, concurrency: 1 }) };
  },
};

describe.each(Object.keys(queues))("es dead-letters on a %s queue", (kind) => {
  let work: Work;
  let running: RunningOperations;
  let healed: boolean;
  /** What the queue was last asked for. */
  let asked: RedriveOptions | undefined;

  const run: ProjectionRun = async ({ aggregateId }) => {
    if (healed) return;
    throw new EventSourcingError("HANDLER_FAILED", `Cannot fold ${aggregateId}`, {
      fields: { eventCount: 7 },
    });
  };
  const counts = (expected: object) =>
    vi.waitFor(async () => expect(await work.queue.counts()).toMatchObject(expected), waiting);
  const command = (...args: string[]) => es(["dead-letters", ...args], { OPERATIONS_URL: running.url });

  beforeEach(async () => {
    healed = false;
    asked = undefined;
    const made = queues[kind]?.(run);
    if (made === undefined) throw new Error(`There is no queue ${kind}.`);
    work = made;
    const { queue } = work;
    const letters = queue.deadLetters;
    const deadLetters: DeadLetters = {
      list: (options) => letters.list(options),
      get: (id) => letters.get(id),
      findByRefs: (refs) => letters.findByRefs(refs),
      discard: (selection) => letters.discard(selection),
      redrive(selection, options) {
        asked = options;
        return letters.redrive(selection, options);
      },
    };
    running = await serveOperations({ queue: { counts: () => queue.counts(), deadLetters } });
    await queue.schedule([ref("a"), ref("b"), ref("c")]);
    await counts({ pending: 0, active: 0, deadLetters: 3 });
  });

  afterEach(async () => {
    await running.close();
    await work.worker.close({ drainTimeoutMs: 0 });
    await work.queue.close();
  });

  it("finds the one of an aggregate, and shows over how many events it failed", async () => {
    const found = JSON.parse((await command("list", "--tenant", "acme", "--aggregate", "b", "--json")).out);
    expect(found.deadLetters).toMatchObject([{ aggregateId: "b", eventCount: 7, attempts: 1 }]);
    const { id } = found.deadLetters[0];
    expect((await command("show", id)).out).toMatch(/^events +7$/m);
    expect(await command("list", "--tenant", "acme", "--aggregate", "d")).toMatchObject({
      out: "No dead letters",
    });
    expect(await command("list", "--aggregate", "b")).toMatchObject({
      code: 1,
      err: 'expected "tenantId" with "aggregateId"',
    });
  });

  it("redrives at a rate", async () => {
    healed = true;
    const begun = performance.now();
    expect(await command("redrive", "--all", "--rate", "10")).toEqual({
      code: 0,
      out: "Scheduled 3 again",
      err: "",
    });
    // The third is due 200 ms after the first; timers may be a millisecond early.
    expect(performance.now() - begun).toBeGreaterThanOrEqual(195);
    await counts({ pending: 0, active: 0, deadLetters: 0 });
  });

  it("answers with a line per step, and stops when the client leaves", async () => {
    healed = true;
    // Not fetch, which connects anew after an abort.
    const leaving = request(`${running.url}/operations/dead-letters/redrive`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    leaving.on("error", () => undefined).end('{"tenantId":"acme","ratePerSecond":0.001}');
    const [response] = (await once(leaving, "response")) as [IncomingMessage];
    expect(response.headers["content-type"]).toBe("application/x-ndjson");
    const [line] = await once(response.on("error", () => undefined).setEncoding("utf8"), "data");
    expect(line).toBe('{"redriven":1,"done":false}\n');
    leaving.destroy();
    await vi.waitFor(() => expect(asked?.signal?.aborted).toBe(true), waiting);
    await counts({ pending: 0, active: 0, deadLetters: 2 });
    expect(running.errors).toEqual([]);
  });

  it("says how far it got when the queue fails in the middle", async () => {
    healed = true;
    // So slow that the second cannot go before the first was seen to have gone.
    const redriving = command("redrive", "--all", "--rate", "0.2");
    await counts({ deadLetters: 2 });
    await work.queue.close();
    expect(await redriving).toMatchObject({
      code: 1,
      err: "The queue is closed. (after 1 were scheduled again)",
    });
    expect(running.errors).toMatchObject([{ code: "CLOSED" }]);
  });

  it.each(["0", "-1", "fast", "Infinity"])("refuses the rate %s", async (rate) => {
    expect(await command("redrive", "--all", "--rate", rate)).toMatchObject({ code: 2, out: "" });
    const response = await fetch(`${running.url}/operations/dead-letters/redrive`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ all: true, ratePerSecond: Number(rate) }),
    });
    expect(response.status).toBe(400);
    expect(asked).toBeUndefined();
  });

  it("discards one, a tenant's, all", async () => {
    const [letter] = await work.queue.deadLetters.findByRefs([ref("b")]);
    expect(await command("discard", letter?.id ?? "")).toMatchObject({ out: "Removed 1" });
    expect(await command("discard", "--tenant", "globex")).toMatchObject({ out: "Removed 0" });
    expect(await command("discard", "--all")).toMatchObject({ out: "Removed 2" });
    await counts({ pending: 0, deadLetters: 0 });
  });
});
