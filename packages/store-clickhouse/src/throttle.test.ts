import { describe, expect, it } from "vitest";
import { Throttle, type ThrottleState } from "./throttle.js";

const error = new Error("too many parts");
const refuse = (throttle: Throttle, pause = true) =>
  throttle.refused(performance.now() + 1e9, { pause, error });

describe("Throttle", () => {
  it("halves with every refusal, down to one, and grows by one a round", () => {
    const throttle = new Throttle(8);
    const seen = [throttle.concurrency];
    for (let i = 0; i < 4; i++) {
      refuse(throttle);
      seen.push(throttle.concurrency);
    }
    expect(seen).toEqual([8, 4, 2, 1, 1]);
    let rounds = 0;
    for (; throttle.concurrency < 8 && rounds < 1_000; rounds++) throttle.succeeded();
    expect(throttle.concurrency).toBe(8);
    // About one more for each round of as many as there are: 1 + 2 + … + 7.
    expect(rounds).toBeGreaterThan(20);
    expect(rounds).toBeLessThan(45);
  });

  it("slows down once for all round trips that were under way together", () => {
    const throttle = new Throttle(8);
    const startedAt = performance.now() - 1;
    for (let i = 0; i < 4; i++) throttle.refused(startedAt, { pause: true, error });
    expect(throttle.concurrency).toBe(4);
  });

  it("pauses longer while refusals go on, up to five seconds, and not where one item may be too large", () => {
    const states: ThrottleState[] = [];
    const throttle = new Throttle(4, (state) => states.push(state));
    for (let i = 0; i < 10; i++) refuse(throttle);
    const pauses = states.map(({ pauseMs }) => pauseMs);
    for (const [i, pause] of pauses.entries()) {
      const longest = Math.min(100 * 2 ** i, 5_000);
      expect(pause).toBeGreaterThanOrEqual(longest / 2);
      expect(pause).toBeLessThanOrEqual(longest);
    }
    throttle.succeeded();
    refuse(throttle, false);
    expect(states.at(-1)).toEqual({ concurrency: 1, pauseMs: 0, error });
    refuse(throttle);
    expect(states.at(-1)?.pauseMs).toBeLessThanOrEqual(100);
  });

  it("lets through as many as there may be, in the order of asking", async () => {
    const throttle = new Throttle(4);
    // Not slowed down it holds up nobody.
    for (let i = 0; i < 6; i++) await throttle.enter();
    refuse(throttle, false);
    const entered: number[] = [];
    for (let i = 0; i < 5; i++) void throttle.enter().then(() => entered.push(i));
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const seen: number[] = [];
    for (let i = 0; i < 8; i++) {
      await turn();
      seen.push(entered.length);
      throttle.leave();
    }
    expect(seen).toEqual([0, 0, 0, 0, 0, 1, 2, 3]);
    expect(entered.slice(0, 3)).toEqual([0, 1, 2]);
  });

  it("lets nobody through while it pauses, and goes on by itself", async () => {
    const throttle = new Throttle(4);
    refuse(throttle);
    let over = false;
    const entering = throttle.enter().then(() => {
      over = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(over).toBe(false);
    await entering;
  });
});
