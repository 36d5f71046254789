import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildSpan } from "../demo/spanBuilder.js";
import { NearestAbove } from "./nearestAbove.js";
import { buildSpanTree } from "./spanTree.js";

/** Span ids in no order. */
const idOf = (index: number) => ((index * 7_919 + 13) % 65_536).toString(16).padStart(16, "0");

const span = buildSpan({ traceId: "a", spanId: "", name: "span", start: 1n, end: 2n });

/** By index the parent's index, or -1 for a span without one; beyond the spans there are, one that is missing. */
function treeOf(parents: readonly number[]) {
  return buildSpanTree(
    parents.map((parent, index) => ({
      ...span,
      spanId: idOf(index),
      parentSpanId: parent === -1 ? "" : idOf(parent),
    })),
  );
}

/** All the way up, one by one. */
function above(parents: Int32Array, position: number): readonly number[] {
  const found: number[] = [];
  for (let at = position; at !== -1; at = parents[at] as number) found.push(at);
  return found;
}

describe("the nearest span above two", () => {
  it("is the one that going up span by span finds, in any forest, with cycles and missing parents", () => {
    const shape = fc.oneof(
      // Anything: parents that are missing, spans above themselves, many roots.
      fc.array(fc.integer({ min: -1, max: 45 }), { minLength: 1, maxLength: 40 }),
      // Long chains with branches.
      fc
        .array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 60 })
        .map((back) => back.map((steps, index) => (index === 0 ? -1 : Math.max(0, index - steps)))),
    );
    fc.assert(
      fc.property(shape, (parents) => {
        const tree = treeOf(parents);
        const nearest = new NearestAbove(tree);
        for (let a = 0; a < parents.length; a++) {
          const aboveA = above(tree.parents, a);
          for (let b = 0; b < parents.length; b++) {
            const aboveB = new Set(above(tree.parents, b));
            expect(nearest.of(a, b)).toBe(aboveA.find((position) => aboveB.has(position)) ?? -1);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ["two chains of 10 000", (index: number) => (index === 0 ? -1 : Math.max(0, index - 2))],
    [
      "a comb of depth 10 000",
      (index: number) => (index < 2 ? index - 1 : index - (index % 2 === 0 ? 2 : 1)),
    ],
    ["a full tree", (index: number) => Math.ceil(index / 2) - 1],
  ])("takes steps by the logarithm of the spans, of %s", (_, parentOf) => {
    const count = 20_000;
    let steps = 0;
    const tree = treeOf(Array.from({ length: count }, (__, index) => parentOf(index)));
    const counting = new Proxy(tree.parents, {
      get(parents, key) {
        steps++;
        return Reflect.get(parents, key);
      },
    });
    const nearest = new NearestAbove({ ...tree, parents: counting });
    expect(steps).toBeLessThanOrEqual(2 * count);
    steps = 0;
    for (let i = 0; i < 1_000; i++) nearest.of((i * 7) % count, count - 1 - i);
    expect(steps).toBeLessThanOrEqual(1_000 * 2 * Math.log2(count));
  });
});
