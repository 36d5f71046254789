import { EventSourcingError, parseTenantId } from "@es/core";
import { ProjectionQueueMemory } from "@es/queue-memory";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { es, type RunningOperations, serveOperations } from "./operations.js";

const ref = { tenantId: parseTenantId("acme"), aggregateId: "session/1" };
let queue: ProjectionQueueMemory;
let running: RunningOperations;
let healed: boolean;

beforeEach(async () => {
  healed = false;
  queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null, attempts: 1 });
  queue.work(async () => {
    if (!healed) throw new EventSourcingError("HANDLER_FAILED", "Cannot fold it");
  });
  running = await serveOperations({ projections: { sessions: { queue, reconcile: async () => 7 } } });
  await queue.schedule([ref]);
  while ((await queue.counts()).deadLetters === 0) await new Promise((resolve) => setTimeout(resolve, 5));
});
afterEach(async () => {
  await running.close();
  await queue.close();
});

const command = (...args: string[]) => es([...args, "--json"], { OPERATIONS_URL: running.url });
const ofSessions = async (...args: string[]) =>
  JSON.parse((await command(...args, "--projection", "sessions")).out);

describe("es … --projection", () => {
  it("is about that kind of projection, and only that", async () => {
    expect(await ofSessions("queue")).toEqual({ pending: 0, active: 0, deadLetters: 1 });
    expect(JSON.parse((await command("queue")).out)).toMatchObject({ deadLetters: 0 });
    expect(await ofSessions("reconcile")).toEqual({ scheduled: 7 });
    expect(JSON.parse((await command("reconcile")).out)).toEqual({ scheduled: 0 });
  });

  it("shows, redrives and discards its dead letters", async () => {
    const { deadLetters } = await ofSessions("dead-letters", "list");
    expect(deadLetters).toMatchObject([{ aggregateId: "session/1", tenantId: "acme" }]);
    const { id } = deadLetters[0];
    expect(await ofSessions("dead-letters", "show", id)).toMatchObject({ id, code: "HANDLER_FAILED" });
    expect(JSON.parse((await command("dead-letters", "redrive", "--all")).out)).toEqual({ redriven: 0 });
    healed = true;
    expect(await ofSessions("dead-letters", "redrive", "--all", "--rate", "100")).toEqual({ redriven: 1 });
    expect(await ofSessions("dead-letters", "discard", "--all")).toEqual({ discarded: 0 });
  });

  it("is refused for a kind there is not", async () => {
    const { code, err } = await command("queue", "--projection", "orders");
    expect(code).not.toBe(0);
    expect(err).toContain("There is nothing at");
  });
});
