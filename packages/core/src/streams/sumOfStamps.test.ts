import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../events/event.js";
import { sumOfStamps, sumOneByOne } from "./sumOfStamps.js";

const MAX = 2n ** 64n - 1n;
const accepted = (acceptedAt: bigint): Event => ({
  id: "a",
  aggregateId: "a",
  type: "happened",
  occurredAt: 0n,
  acceptedAt,
  data: null,
});

describe("sumOfStamps", () => {
  it("is what adding one by one gives, of stamps and of any other bigints", () => {
    const stamps = fc.oneof(
      fc.bigInt({ min: 0n, max: MAX }),
      fc.bigInt({ min: MAX - 3n, max: MAX + 3n }),
      fc.bigInt({ min: -3n, max: 2n ** 33n }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.bigInt({ min: 0n, max: MAX })), fc.array(stamps)), (of) => {
        const events = of.map(accepted);
        expect(sumOfStamps(events)).toBe(sumOneByOne(events));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([2 ** 21, 2 ** 21 + 1])("is exact for %d of the greatest", (count) => {
    expect(sumOfStamps(new Array(count).fill(accepted(MAX)))).toBe(BigInt(count) * MAX);
  });
});
