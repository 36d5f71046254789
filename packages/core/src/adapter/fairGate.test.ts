import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairGate, type FairGateRun } from "./fairGate.js";

interface Call {
  readonly started: boolean;
  end(): Promise<void>;
  readonly outcome: Promise<unknown>;
}

/** A run that goes on until it is ended. */
function call(gate: FairGate, owner: string, options: FairGateRun = {}): Call {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  const state = { started: false };
  const outcome = gate
    .run(
      owner,
      () => {
        state.started = true;
        return promise;
      },
      options,
    )
    .catch((error: unknown) => error);
  return {
    get started() {
      return state.started;
    },
    async end() {
      resolve();
      await outcome;
    },
    outcome,
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("FairGate", () => {
  it("has owners take turns: a long line of one delays the first of another by what runs, and no more", async () => {
    const gate = new FairGate({ name: "reads", concurrency: 1 });
    const many = Array.from({ length: 30 }, () => call(gate, "a"));
    const one = call(gate, "b");
    await turn();
    expect(many[0]?.started).toBe(true);
    expect(one.started).toBe(false);
    await many[0]?.end();
    await turn();
    expect(one.started).toBe(true);
    expect(many[1]?.started).toBe(false);
    await one.end();
    await turn();
    expect(many[1]?.started).toBe(true);
    expect(many[2]?.started).toBe(false);
  });

  it("leaves what an owner has no share in to others", async () => {
    const gate = new FairGate({ name: "reads", concurrency: 4, share: 0.5 });
    const [first, second, third] = [call(gate, "a"), call(gate, "a"), call(gate, "a")];
    const other = call(gate, "b");
    await turn();
    expect([first, second, third, other].map(({ started }) => started)).toEqual([true, true, false, true]);
    await first.end();
    await turn();
    expect(third.started).toBe(true);
  });

  it("starts a run only where its amount is left, also one above the share, which later ones do not overtake", async () => {
    const gate = new FairGate({ name: "reads", concurrency: 10, capacity: 100, share: 0.8 });
    const small = call(gate, "a", { amount: 30 });
    const large = call(gate, "b", { amount: 5_000 });
    const later = call(gate, "c", { amount: 1 });
    await turn();
    expect([small, large, later].map(({ started }) => started)).toEqual([true, false, false]);
    await small.end();
    await turn();
    expect([large, later].map(({ started }) => started)).toEqual([true, true]);
  });

  it("refuses an owner's run when too many of it wait, and lets another owner wait", async () => {
    const gate = new FairGate({ name: "reads", concurrency: 1, mostWaiting: 2 });
    const [running, waiting, also] = [call(gate, "a"), call(gate, "a"), call(gate, "a")];
    expect(await call(gate, "a").outcome).toMatchObject({
      code: "STORE_OVERLOADED",
      message: expect.stringContaining("2 reads of this tenant wait"),
    });
    const other = call(gate, "b");
    await running.end();
    await other.end();
    await waiting.end();
    await also.end();
    expect(await other.outcome).toBeUndefined();
  });

  it("refuses a run that waited too long, and goes on with the next", async () => {
    const gate = new FairGate({ name: "reads", concurrency: 1, mostWaitMs: 20 });
    const running = call(gate, "a");
    const waiting = call(gate, "a");
    expect(await waiting.outcome).toMatchObject({ code: "STORE_OVERLOADED" });
    await running.end();
    expect(waiting.started).toBe(false);
    const next = call(gate, "a");
    await turn();
    expect(next.started).toBe(true);
  });

  it("gives up the place of a run whose caller has left", async () => {
    const gate = new FairGate({ name: "reads", concurrency: 1 });
    const running = call(gate, "a");
    const leaving = new AbortController();
    const gone = call(gate, "b", { signal: leaving.signal });
    const next = call(gate, "b");
    leaving.abort("left");
    expect(await gone.outcome).toMatchObject({ code: "ABORTED", cause: "left" });
    await running.end();
    await turn();
    expect(gone.started).toBe(false);
    expect(next.started).toBe(true);
    expect(await call(gate, "c", { signal: AbortSignal.abort() }).outcome).toMatchObject({ code: "ABORTED" });
  });

  it("gives back what a run took that throws", async () => {
    const gate = new FairGate({ name: "reads", concurrency: 1 });
    await expect(gate.run("a", () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(await gate.run("a", async () => 1)).toBe(1);
  });

  it("never exceeds its limits, and starts all in the order of each owner, whatever comes", async () => {
    const anyRun = fc.record({
      owner: fc.constantFrom("a", "b", "c"),
      amount: fc.integer({ min: 0, max: 60 }),
      turns: fc.integer({ min: 0, max: 4 }),
      leaves: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyRun, { maxLength: 40 }), async (runs) => {
        const gate = new FairGate({ name: "reads", concurrency: 3, capacity: 100, share: 0.7 });
        const running: { owner: string; amount: number }[] = [];
        const started: Record<string, number[]> = { a: [], b: [], c: [] };
        await Promise.all(
          runs.map(async ({ owner, amount, turns, leaves }, index) => {
            const leaving = new AbortController();
            const done = gate.run(
              owner,
              async () => {
                const own = { owner, amount };
                running.push(own);
                started[owner]?.push(index);
                expect(running.length).toBeLessThanOrEqual(3);
                expect(running.filter((other) => other.owner === owner).length).toBeLessThanOrEqual(2);
                expect(running.reduce((sum, other) => sum + other.amount, 0)).toBeLessThanOrEqual(100);
                for (let i = 0; i < turns; i++) await turn();
                running.splice(running.indexOf(own), 1);
              },
              { amount, ...(leaves ? { signal: leaving.signal } : {}) },
            );
            if (leaves) {
              await turn();
              leaving.abort();
            }
            await done.catch((error: unknown) => expect(error).toMatchObject({ code: "ABORTED" }));
          }),
        );
        for (const indexes of Object.values(started)) {
          expect(indexes).toEqual([...indexes].sort((a, b) => a - b));
        }
        expect(running).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});
