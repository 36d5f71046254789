import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldGenerations, type GenerationChange, type GenerationChangeType } from "./generationChange.js";

const change = fc
  .record({
    id: fc.uuid(),
    type: fc.constantFrom<GenerationChangeType>(
      "generation.opened",
      "generation.begun",
      "generation.switched",
      "generation.rolled-back",
      "generation.retired",
    ),
    generation: fc.integer({ min: 1, max: 4 }),
    revision: fc.nat({ max: 5 }),
    acceptedAt: fc.bigInt({ min: 1n, max: 9n }),
  })
  .map(
    ({ id, type, acceptedAt, ...data }): GenerationChange => ({
      id,
      type,
      aggregateId: "trace",
      acceptedAt,
      occurredAt: acceptedAt,
      data,
    }),
  );
const changes = fc.uniqueArray(change, { selector: ({ id }) => id, maxLength: 15 });

describe("foldGenerations", () => {
  it("leaves exactly one generation serving, whatever was recorded, in any order and however often", () => {
    fc.assert(
      fc.property(
        changes,
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.nat()),
        (given, initial, random) => {
          const set = foldGenerations("trace", given, initial);
          const states = new Map(set.generations.map(({ number, state }) => [number, state]));
          expect([...states.values()].filter((state) => state === "serving")).toHaveLength(1);
          expect(states.get(set.serving)).toBe("serving");
          if (set.previous !== null) expect(states.get(set.previous)).toBe("standby");
          expect(set.revision).toBe(Math.max(0, ...given.map(({ data }) => data.revision)));

          const shuffled = [...given, ...given.slice(0, 3)]
            .map((item) => ({ item, rank: random.next().value as number }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ item }) => item);
          expect(foldGenerations("trace", shuffled, initial)).toEqual(set);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("never brings back what is retired", () => {
    fc.assert(
      fc.property(changes, changes, (before, after) => {
        const later = after.map((item) => ({
          ...item,
          data: { ...item.data, revision: item.data.revision + 10 },
          type: item.type === "generation.opened" ? ("generation.begun" as const) : item.type,
        }));
        const retired = foldGenerations("trace", before, 1).generations.filter(
          ({ state }) => state === "retired",
        );
        const { generations } = foldGenerations("trace", [...before, ...later], 1);
        for (const generation of retired) expect(generations).toContainEqual(generation);
      }),
      { numRuns: 1_000 },
    );
  });
});
