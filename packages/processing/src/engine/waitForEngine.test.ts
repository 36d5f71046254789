import { EventSourcingError, parseTenantId } from "@es/core";
import { describe, expect, it } from "vitest";
import type { EngineAvailability } from "./engineAvailability.js";
import { waitForEngine } from "./waitForEngine.js";

const ref = { tenantId: parseTenantId("acme"), aggregateId: "a" };
const context = { attempt: 1, signal: new AbortController().signal };
const transient = new EventSourcingError("STORE_UNAVAILABLE", "connection refused");

/** Runs with these outcomes, one after the other, before an engine found in these states when asked. */
async function play(outcomes: readonly (unknown | "ok")[], states: readonly ("well" | "was away")[] = []) {
  let runs = 0;
  let asked = 0;
  const availability: EngineAvailability = {
    untilAvailable: async () => ({ wasAway: states[asked++] === "was away" }),
  };
  const run = waitForEngine(async () => {
    const outcome = outcomes[runs++];
    if (outcome !== "ok") throw outcome;
  }, availability);
  const result = await run(ref, context).then(
    () => "ok",
    (error: unknown) => error,
  );
  return { result, runs, asked };
}

describe("waitForEngine", () => {
  it("runs once where nothing fails", async () => {
    expect(await play(["ok"])).toEqual({ result: "ok", runs: 1, asked: 0 });
  });

  it("runs again when the engine is back, however often it goes", async () => {
    const outage = Array.from({ length: 10 }, () => transient);
    const states = outage.map(() => "was away" as const);
    expect(await play([...outage, "ok"], states)).toEqual({ result: "ok", runs: 11, asked: 10 });
  });

  it("runs once more where the engine is well, then fails", async () => {
    expect(await play([transient, "ok"], ["well"])).toEqual({ result: "ok", runs: 2, asked: 1 });
    expect(await play([transient, transient], ["well", "well"])).toEqual({
      result: transient,
      runs: 2,
      asked: 2,
    });
  });

  it("counts anew after an outage", async () => {
    const { result, runs } = await play(
      [transient, transient, transient, "ok"],
      ["well", "was away", "well"],
    );
    expect([result, runs]).toEqual(["ok", 4]);
  });

  it("waits for an engine that refuses everybody, and fails where it refuses only this", async () => {
    const refused = new EventSourcingError("STORE_REJECTED", "a wrong password");
    expect(await play([refused, refused, "ok"], ["was away", "was away"])).toEqual({
      result: "ok",
      runs: 3,
      asked: 2,
    });
    // It may have recovered since the run failed.
    expect(await play([refused, "ok"], ["well"])).toEqual({ result: "ok", runs: 2, asked: 1 });
    expect(await play([refused, refused], ["well", "well"])).toEqual({ result: refused, runs: 2, asked: 2 });
  });

  it.each([new EventSourcingError("HANDLER_FAILED", "x is undefined"), new TypeError("x is undefined")])(
    "does not wait for what waiting does not heal: %s",
    async (error) => {
      expect(await play([error])).toEqual({ result: error, runs: 1, asked: 0 });
    },
  );

  it("ends with its signal", async () => {
    const closing = new AbortController();
    const reason = new EventSourcingError("ABORTED", "the worker closes");
    const availability: EngineAvailability = {
      untilAvailable: (signal) =>
        new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
    };
    const running = waitForEngine(() => Promise.reject(transient), availability)(ref, {
      attempt: 1,
      signal: closing.signal,
    });
    setImmediate(() => closing.abort(reason));
    await expect(running).rejects.toBe(reason);
  });

  it("ends the wait of all runs when the worker closes, and lets those go on that do not wait", async () => {
    const closing = new AbortController();
    const reason = new EventSourcingError("ABORTED", "the worker closes");
    const availability: EngineAvailability = {
      untilAvailable: (signal) =>
        new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
    };
    const { signal } = new AbortController();
    const slow = Promise.resolve().then(() => new Promise<void>((resolve) => setTimeout(resolve, 20)));
    const run = waitForEngine(
      async ({ aggregateId }) => {
        if (aggregateId !== "slow") throw transient;
        await slow;
      },
      availability,
      { signal: closing.signal },
    );
    const waiting = [1, 2, 3].map((attempt) => run(ref, { attempt, signal }));
    const going = run({ ...ref, aggregateId: "slow" }, { attempt: 1, signal });
    setImmediate(() => closing.abort(reason));
    for (const one of waiting) await expect(one).rejects.toBe(reason);
    await going;
  });
});
