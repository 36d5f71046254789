import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ITEMS_PER_STEP, runToEnd, sortInSteps } from "./steps.js";

describe("sorting in steps", () => {
  it("gives what sorting at once gives, of any number of items, and changes nothing", () => {
    const ascending = (a: number, b: number) => a - b;
    fc.assert(
      fc.property(fc.nat({ max: 5 * ITEMS_PER_STEP }), fc.integer({ min: 1 }), (length, seed) => {
        const items = Array.from({ length }, (_, i) => (i * seed) % 1_009);
        const before = [...items];
        expect(runToEnd(sortInSteps(items, ascending))).toEqual(items.toSorted(ascending));
        expect(items).toEqual(before);
      }),
    );
  });

  it("compares a bounded number of items in each step", () => {
    let inStep = 0;
    let most = 0;
    const steps = sortInSteps(
      Array.from({ length: 40 * ITEMS_PER_STEP }, (_, i) => (i * 7_919) % 100_003),
      (a, b) => {
        inStep++;
        return a - b;
      },
    );
    for (const _ of steps) {
      most = Math.max(most, inStep);
      inStep = 0;
    }
    expect(most).toBeLessThan(ITEMS_PER_STEP * 12);
  });
});
