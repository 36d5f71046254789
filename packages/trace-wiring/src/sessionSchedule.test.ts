import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { untilNextMoment } from "./sessionSchedule.js";

describe("untilNextMoment", () => {
  const now = fc.integer({ min: 0, max: 2 ** 42 });

  it("is at most a period, and leads everybody to the same moments", () => {
    fc.assert(
      fc.property(now, fc.integer({ min: 1, max: 60_000 }), (now, periodMs) => {
        const wait = untilNextMoment(periodMs, now);
        expect(wait).toBeGreaterThan(0);
        expect(wait).toBeLessThanOrEqual(periodMs);
        expect((now + wait) % periodMs).toBe(0);
      }),
    );
  });

  it("waits for nothing without a period", () => {
    expect(untilNextMoment(0, 1_790_000_000_123)).toBe(0);
  });
});
