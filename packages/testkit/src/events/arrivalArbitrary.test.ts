import fc from "fast-check";
import { expect, it } from "vitest";
import { arrivalArbitrary } from "./arrivalArbitrary.js";

const items = [0, 1, 2, 3, 4, 5];

it("delivers every item at least once and nothing else", () => {
  fc.assert(
    fc.property(arrivalArbitrary(), (arrival) => {
      const sent = arrival.batchesOf(items).flat();
      expect([...new Set(sent)].sort()).toEqual(items);
      expect(sent.length).toBeLessThanOrEqual(3 * items.length);
    }),
  );
});

it("tries other orders, duplicates and several batches", () => {
  const arrivals = fc.sample(arrivalArbitrary(), { seed: 1, numRuns: 50 }).map((a) => a.batchesOf(items));
  expect(arrivals.some((batches) => batches.length > 1)).toBe(true);
  expect(arrivals.some((batches) => batches.flat().length > items.length)).toBe(true);
  expect(arrivals.some((batches) => (batches.flat()[0] ?? 0) > 0)).toBe(true);
});
