import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Pace } from "./pace.js";

describe("Pace", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** When each of the steps may go, milliseconds after the first. */
  async function timesOf(pace: Pace, counts: readonly number[]): Promise<readonly number[]> {
    const times: number[] = [];
    const begun = performance.now();
    const steps = (async () => {
      for (const count of counts) {
        await pace.next(count);
        times.push(Math.round(performance.now() - begun));
      }
    })();
    await vi.runAllTimersAsync();
    await steps;
    return times;
  }

  it("spreads steps evenly, each after what the one before it weighs", async () => {
    expect(await timesOf(new Pace(10), [1, 1, 5, 1])).toEqual([0, 100, 200, 700]);
    expect(await timesOf(new Pace(0.5), [1, 1, 1])).toEqual([0, 2_000, 4_000]);
  });

  it("does not make up for time that was not used", async () => {
    const pace = new Pace(10);
    await pace.next(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await timesOf(pace, [1, 1, 1])).toEqual([0, 100, 200]);
  });

  it("waits longer than a timer can", async () => {
    const thirtyDays = 30 * 86_400;
    expect(await timesOf(new Pace(1 / thirtyDays), [1, 1])).toEqual([0, thirtyDays * 1_000]);
  });

  it("ends a wait at once when the signal aborts", async () => {
    const pace = new Pace(0.001);
    await pace.next(1);
    const stopping = new AbortController();
    const waiting = pace.next(1, stopping.signal);
    stopping.abort();
    await waiting;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("takes steps of a tenth of a second", () => {
    expect([0.1, 1, 10, 19, 20, 5_000].map((rate) => new Pace(rate).step)).toEqual([1, 1, 1, 1, 2, 500]);
  });
});
