import fc from "fast-check";

/**
 * How a list of items arrives: in what order, how often each, and cut into which batches. Shrinks towards one batch in
 * the given order without repeats.
 */
export interface Arrival {
  batchesOf<T>(items: readonly T[]): readonly (readonly T[])[];
}

interface Step {
  readonly rank: number;
  readonly copies: number;
  readonly cut: boolean;
}

export function arrivalArbitrary(): fc.Arbitrary<Arrival> {
  const step = fc.record({
    rank: fc.nat({ max: 99 }),
    copies: fc.integer({ min: 1, max: 3 }),
    cut: fc.boolean(),
  });
  return fc.array(step, { maxLength: 80 }).map((steps) => ({ batchesOf: (items) => arrive(items, steps) }));
}

const asGiven: Step = { rank: 0, copies: 1, cut: false };

function arrive<T>(items: readonly T[], steps: readonly Step[]): readonly (readonly T[])[] {
  const sent = items.flatMap((item, i) => {
    const { copies } = steps[i] ?? asGiven;
    // Each copy has a place of its own: a duplicate may come long after the original.
    return Array.from({ length: copies }, (_, copy) => ({
      item,
      rank: (steps[i + copy * 7] ?? asGiven).rank,
    }));
  });
  const order = sent.map((_, i) => i).sort((a, b) => (sent[a]?.rank ?? 0) - (sent[b]?.rank ?? 0) || a - b);
  const batches: T[][] = [[]];
  for (const [place, index] of order.entries()) {
    const entry = sent[index];
    if (entry === undefined) continue;
    batches.at(-1)?.push(entry.item);
    if (steps[place]?.cut === true) batches.push([]);
  }
  return batches.filter((batch) => batch.length > 0);
}
