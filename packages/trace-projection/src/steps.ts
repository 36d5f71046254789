/** Items that are gone through in one step, where each takes little. */
export const ITEMS_PER_STEP = 500;

/** Runs work that comes in steps to its end, at once. */
export function runToEnd<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Sorts in steps; what is sorted already takes one pass. */
export function* sortInSteps<T>(items: readonly T[], compare: (a: T, b: T) => number): Generator<void, T[]> {
  let sorted: T[][] = [];
  for (let from = 0; from < items.length; from += ITEMS_PER_STEP) {
    sorted.push(items.slice(from, from + ITEMS_PER_STEP).sort(compare));
    yield;
  }
  while (sorted.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < sorted.length; i += 2) {
      const [one, other] = [sorted[i] as T[], sorted[i + 1]];
      merged.push(other === undefined ? one : yield* merge(one, other, compare));
    }
    sorted = merged;
  }
  return sorted[0] ?? [];
}

function* merge<T>(
  one: readonly T[],
  other: readonly T[],
  compare: (a: T, b: T) => number,
): Generator<void, T[]> {
  if (compare(one.at(-1) as T, other[0] as T) <= 0) return one.concat(other);
  const merged: T[] = [];
  let [i, j] = [0, 0];
  while (i < one.length && j < other.length) {
    merged.push(compare(one[i] as T, other[j] as T) <= 0 ? (one[i++] as T) : (other[j++] as T));
    if (merged.length % ITEMS_PER_STEP === 0) yield;
  }
  return merged.concat(one.slice(i), other.slice(j));
}
