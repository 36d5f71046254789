import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SortedRuns } from "./sortedRuns.js";

const ascending = (a: number, b: number) => a - b;

describe("items in order, in runs", () => {
  it("are those of an ordered list, whatever comes and goes, and so is what was made of them", () => {
    const change = fc.oneof(
      fc.record({ kind: fc.constant("toggle" as const), item: fc.nat({ max: 60 }) }),
      fc.record({ kind: fc.constant("fill" as const), items: fc.uniqueArray(fc.nat({ max: 60 })) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), fc.integer({ min: 1, max: 5 }), (changes, length) => {
        const runs = new SortedRuns<number, number>(ascending, length);
        let expected = new Set<number>();
        for (const made of changes) {
          if (made.kind === "fill") {
            expected = new Set(made.items);
            runs.fill(made.items);
          } else if (expected.delete(made.item)) runs.remove(made.item);
          else {
            expected.add(made.item);
            runs.add(made.item);
          }
          const ordered = [...expected].sort(ascending);
          expect([...runs]).toEqual(ordered);
          expect(runs.first).toBe(ordered[0]);
          const sums = runs.runs.map((run) =>
            run.summary((items) => items.reduce((sum, item) => sum + item, 0)),
          );
          expect(sums.reduce((sum, part) => sum + part, 0)).toBe(
            ordered.reduce((sum, item) => sum + item, 0),
          );
          expect(runs.runs.every(({ items }) => items.length > 0)).toBe(true);
        }
      }),
    );
  });

  it("compare one that comes or goes with few, and make one run anew, however many they are", () => {
    let comparisons = 0;
    const runs = new SortedRuns<number, number>((a, b) => {
      comparisons++;
      return a - b;
    });
    let summarized = 0;
    const summarize = () => {
      for (const run of runs.runs) {
        run.summary((items) => {
          summarized += items.length;
          return items.length;
        });
      }
    };
    runs.fill(Array.from({ length: 100_000 }, (_, i) => 2 * i));
    summarize();
    comparisons = 0;
    summarized = 0;
    for (let i = 0; i < 1_000; i++) {
      runs.add(171 * i + ((171 * i + 1) % 2));
      summarize();
    }
    for (let i = 0; i < 1_000; i++) runs.remove(171 * i + ((171 * i + 1) % 2));
    expect(comparisons).toBeLessThan(2_000 * 20);
    expect(summarized).toBeLessThan(1_000 * 512);
  });
});
