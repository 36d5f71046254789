import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LineCounter } from "./lineCounter.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function counting() {
  const counter = new LineCounter();
  const written: string[] = [];
  const take = (message: string, error: string) =>
    counter.take(message, error, (repeated) => written.push(`${message}: ${error} +${repeated}`));
  return { counter, written, take };
}

it("writes the first of equal lines at once, and a hundred thousand more as one line with their number", () => {
  const { written, take } = counting();
  for (let i = 0; i < 100_000; i++) take("Redis", `no answer within ${i} ms`);
  expect(written).toEqual(["Redis: no answer within 0 ms +0"]);
  vi.advanceTimersByTime(20_000);
  expect(written[1]).toBe("Redis: no answer within 99999 ms +99998");
  expect(written).toHaveLength(2);
});

it("writes a few lines a minute while a state lasts, and the next one at once when it had passed", () => {
  const { written, take } = counting();
  for (let ms = 0; ms < 600_000; ms += 100) {
    take("Redis", "READONLY");
    vi.advanceTimersByTime(100);
  }
  expect(written.length).toBeLessThanOrEqual(12);
  vi.advanceTimersByTime(180_000);
  const before = written.length;
  take("Redis", "READONLY");
  expect(written.slice(before)).toEqual(["Redis: READONLY +0"]);
});

it("keeps different errors of one message apart, but not an endless number of them", () => {
  const { counter, written, take } = counting();
  for (const error of ["one", "two", "one", "three"]) take("Failed", error);
  expect(written).toEqual(["Failed: one +0", "Failed: two +0", "Failed: three +0"]);
  for (let i = 0; i < 1_000; i++) take("Failed", `x${"y".repeat(i)}`);
  expect(written).toHaveLength(5);
  counter.flush();
  expect(written.slice(5)).toEqual(["Failed: one +0", expect.stringMatching(/ \+997$/)]);
});

it("takes ids and numbers for the same, and words for different", () => {
  const { written, take } = counting();
  take("Read", "trace 0af7651916cd43dd8448eb211c80319c at 10.0.0.1:6379");
  take("Read", "trace 4bf92f3577b34da6a3ce929d0e0e4736 at 10.0.0.2:6380");
  take("Read", "session 4bf92f3577b34da6a3ce929d0e0e4736 at 10.0.0.2:6380");
  expect(written).toHaveLength(2);
});
