import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { System } from "../system/system.js";
import type { PlannedFault } from "./faultClass.js";
import { runFaults } from "./runFaults.js";

/** A Redis whose end takes as long as it likes, and everything that was done to it. */
function slowToEnd(endMs: number, end: () => void = () => {}) {
  const done: string[] = [];
  const redis = {
    async kill() {
      done.push("kill");
      await sleep(endMs);
      end();
      done.push("killed");
    },
    start: () => done.push("start"),
  };
  return { done, system: { redis } as unknown as System };
}

const killAt = (at: number): PlannedFault => ({
  name: "kill-redis",
  target: "redis",
  at,
  durationMs: 20,
  severity: 0,
});
const options = { signal: new AbortController().signal, onFault: () => {} };

describe("runFaults", () => {
  it("heals one fault before the next breaks the same thing, however long that takes", async () => {
    const { done, system } = slowToEnd(200);
    const report = await runFaults(system, { ...options, planned: [killAt(0), killAt(50)] });
    expect(done).toEqual(["kill", "killed", "start", "kill", "killed", "start"]);
    expect(report).toEqual({ injected: { "kill-redis": 2 }, impossible: {}, skipped: 0 });
  });

  it("fails with the first fault that cannot be injected, once the others are over", async () => {
    let ends = 0;
    const { done, system } = slowToEnd(20, () => {
      if (++ends === 1) throw new Error("it does not end");
    });
    const running = runFaults(system, { ...options, planned: [killAt(0), killAt(50)] });
    await expect(running).rejects.toThrow("it does not end");
    expect(done).toEqual(["kill", "kill", "killed", "start"]);
  });
});
