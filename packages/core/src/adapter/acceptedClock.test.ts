import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAcceptedClock } from "./acceptedClock.js";

describe("createAcceptedClock", () => {
  it("strictly increases, also when the system clock steps back", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 50 }), (times) => {
        let index = 0;
        const clock = createAcceptedClock(() => times[Math.min(index++, times.length - 1)] as number);
        let last = -1n;
        for (const _ of times) {
          const next = clock.next();
          expect(next).toBeGreaterThan(last);
          last = next;
        }
      }),
    );
  });

  it("follows the system clock to the millisecond", () => {
    const clock = createAcceptedClock(() => 1_700_000_000_123);
    expect(clock.next() / 1_000_000n).toBe(1_700_000_000_123n);
  });
});
