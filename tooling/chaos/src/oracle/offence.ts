/** How a promise can be broken. */
export const offenceKinds = [
  "lost",
  "stale",
  "doubled",
  "mixed",
  "misversioned",
  "refused",
  "deadLetters",
  "crashed",
  "spinning",
] as const;

export type OffenceKind = (typeof offenceKinds)[number];

/** One broken promise. */
export interface Offence {
  readonly kind: OffenceKind;
  readonly tenant?: string;
  readonly traceId?: string;
  /** What was expected, what is there, and how they differ. */
  readonly detail: string;
}

/** How many of each kind were found, and the first of them in full. */
export class Offences {
  readonly #counts: Record<OffenceKind, number> = {
    lost: 0,
    stale: 0,
    doubled: 0,
    mixed: 0,
    misversioned: 0,
    refused: 0,
    deadLetters: 0,
    crashed: 0,
    spinning: 0,
  };
  readonly #first: Offence[] = [];

  add(offence: Offence): void {
    this.#counts[offence.kind]++;
    if (this.#counts[offence.kind] <= KEPT_PER_KIND) this.#first.push(offence);
  }

  get counts(): Readonly<Record<OffenceKind, number>> {
    return this.#counts;
  }

  get total(): number {
    return offenceKinds.reduce((sum, kind) => sum + this.#counts[kind], 0);
  }

  get first(): readonly Offence[] {
    return this.#first;
  }
}

const KEPT_PER_KIND = 5;

/** Where two texts part, with a little of both. */
export function difference(expected: string, actual: string): string {
  let at = 0;
  while (at < expected.length && at < actual.length && expected[at] === actual[at]) at++;
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 40), at + 80));
  return `from character ${at} on expected ${around(expected)}, found ${around(actual)}`;
}
