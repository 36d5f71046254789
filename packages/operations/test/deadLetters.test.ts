import { EventSourcingError, parseTenantId } from "@es/core";
import type { ProjectionRun } from "@es/processing";
import { ProjectionQueueMemory } from "@es/queue-memory";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { es, type RunningOperations, serveOperations } from "./operations.js";

const acme = parseTenantId("acme");
const globex = parseTenantId("globex");

const refs = [
  { tenantId: acme, aggregateId: "a/1?x=%2F" },
  { tenantId: acme, aggregateId: "a2" },
  { tenantId: globex, aggregateId: "\u001b[31mg1" },
];

let queue: ProjectionQueueMemory;
let running: RunningOperations;
let runs: string[];
let healed: boolean;

const run: ProjectionRun = async ({ aggregateId }) => {
  runs.push(aggregateId);
  if (!healed) throw new EventSourcingError("HANDLER_FAILED", `Cannot fold ${aggregateId}`);
};

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

beforeEach(async () => {
  runs = [];
  healed = false;
  queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null, attempts: 1 });
  queue.work(run);
  running = await serveOperations({ queue });
  // One by one, so that they fail in this order.
  for (const [place, ref] of refs.entries()) {
    await queue.schedule([ref]);
    await until(async () => (await queue.counts()).deadLetters === place + 1);
  }
});

afterEach(async () => {
  await running.close();
  await queue.close();
});

const command = (...args: string[]) => es(args, { OPERATIONS_URL: running.url });

async function listed(...args: string[]): Promise<{ id: string; aggregateId: string; tenantId: string }[]> {
  const { out } = await command("dead-letters", "list", "--json", ...args);
  return JSON.parse(out).deadLetters;
}

describe("es dead-letters", () => {
  it("lists for people, with nothing a terminal would act on", async () => {
    const { code, out } = await command("dead-letters", "list");
    expect(code).toBe(0);
    expect(out.split("\n")[0]).toMatch(/^id +tenant +aggregate +class +code +attempts +last failed +reason$/);
    expect(out).toContain("Cannot fold a/1?x=%2F");
    expect(out).toContain("�[31mg1");
    expect(out).not.toContain("\u001b");
  });

  it("lists for programs, by tenant and page by page", async () => {
    expect((await listed("--tenant", "acme")).map(({ aggregateId }) => aggregateId)).toEqual([
      "a/1?x=%2F",
      "a2",
    ]);
    const first = JSON.parse((await command("dead-letters", "list", "--json", "--limit", "2")).out);
    expect(first.deadLetters).toHaveLength(2);
    const rest = await listed("--limit", "2", "--cursor", first.nextCursor);
    expect(rest.map(({ tenantId }) => tenantId)).toEqual(["globex"]);
  });

  it("shows one, and says which there is not", async () => {
    const [letter] = await listed();
    const shown = await command("dead-letters", "show", letter?.id ?? "");
    expect(shown.out).toMatch(/^code +HANDLER_FAILED$/m);
    expect(shown.out).toMatch(/^reason +Cannot fold a\/1\?x=%2F$/m);
    expect(await command("dead-letters", "show", "../queue")).toEqual({
      code: 1,
      out: "",
      err: 'There is no dead letter "../queue"',
    });
  });

  it("redrives one, a tenant's, all", async () => {
    healed = true;
    const [letter] = await listed();
    expect(await command("dead-letters", "redrive", letter?.id ?? "")).toMatchObject({
      out: "Scheduled 1 again",
    });
    await until(async () => runs.filter((id) => id === "a/1?x=%2F").length === 2);
    expect((await listed()).map(({ aggregateId }) => aggregateId)).toEqual(["a2", "\u001b[31mg1"]);
    expect(await command("dead-letters", "redrive", "--tenant", "globex")).toMatchObject({
      out: "Scheduled 1 again",
    });
    expect(await command("dead-letters", "redrive", "--all")).toMatchObject({ out: "Scheduled 1 again" });
    expect(await listed()).toEqual([]);
  });

  it("discards", async () => {
    expect(await command("dead-letters", "discard", "--tenant", "acme")).toMatchObject({ out: "Removed 2" });
    expect(await listed()).toHaveLength(1);
    expect((await command("queue")).out).toBe("pending       0\nactive        0\ndead letters  1");
  });

  it.each([["redrive"], ["discard"], ["redrive", "--all", "--tenant", "acme"], ["discard", "--all", "1"]])(
    "does nothing unless it is clear to which: %s %s",
    async (...args) => {
      const { code, err } = await command("dead-letters", ...args);
      expect(code).toBe(2);
      expect(err).toMatch(/^Say which to (redrive|discard): ids, --tenant TENANT or both, or --all$/);
      expect(await listed()).toHaveLength(3);
    },
  );

  it.each([
    ["no body", ""],
    ["an empty one", "{}"],
    ["no JSON", "all"],
    ["a misspelt member", '{"all":true,"tenant":"acme"}'],
    ["all of a tenant", '{"all":true,"tenantId":"acme"}'],
    ["all: false", '{"all":false}'],
    ["no ids", '{"ids":[]}'],
    ["a tenant there cannot be", '{"tenantId":"a\\u0000"}'],
  ])("refuses %s", async (_, body) => {
    const response = await fetch(`${running.url}/operations/dead-letters/discard`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "BAD_REQUEST" } });
    expect((await queue.counts()).deadLetters).toBe(3);
  });

  it("refuses a body larger than it reads, and a cursor it did not give", async () => {
    const response = await fetch(`${running.url}/operations/dead-letters/discard`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ids: ["x".repeat(1_000_001)] }),
    });
    expect(response.status).toBe(413);
    const { code, err } = await command("dead-letters", "list", "--cursor", "x");
    expect([code, err]).toEqual([1, "The cursor of a dead letter listing is not one it gave."]);
    expect(running.errors).toEqual([]);
  });
});
