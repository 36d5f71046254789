import { describe, expect, it, vi } from "vitest";
import type { GenerationSet } from "./projectionGeneration.js";
import { watchGenerations } from "./watchGenerations.js";

const setOf = (serving: number): GenerationSet => ({
  projection: "trace",
  revision: serving,
  serving,
  previous: null,
  generations: [{ number: serving, state: "serving", since: 0n }],
});

describe("watchGenerations", () => {
  it("reads once for many calls, and again when what it knows is too old", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    let serving = 1;
    const read = vi.fn(async () => setOf(serving));
    const view = watchGenerations({ read }, { maxAgeMs: 500 });
    const first = await Promise.all([view.current(), view.current(), view.current()]);
    expect(first.map((set) => set.serving)).toEqual([1, 1, 1]);
    serving = 2;
    vi.advanceTimersByTime(499);
    expect((await view.current()).serving).toBe(1);
    expect(read).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    expect((await view.current()).serving).toBe(2);
    expect(read).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });

  it("gives what it knew last while reads fail, says so, and does not ask at every call", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    let down = true;
    const errors: unknown[] = [];
    const read = vi.fn(async () => {
      if (down) throw new Error("down");
      return setOf(1);
    });
    const view = watchGenerations({ read }, { maxAgeMs: 500, onError: (error) => void errors.push(error) });
    await expect(view.current()).rejects.toThrow("down");
    down = false;
    expect((await view.current()).serving).toBe(1);
    down = true;
    vi.advanceTimersByTime(500);
    expect((await view.current()).serving).toBe(1);
    expect((await view.current()).serving).toBe(1);
    expect(read).toHaveBeenCalledTimes(3);
    expect(errors).toHaveLength(1);
    vi.useRealTimers();
  });
});
