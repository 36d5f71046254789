import type { SpanTree } from "./spanTree.js";

/**
 * Finds the nearest span above two spans: in a time that grows with the logarithm of the number of spans, however deep
 * they are, after one pass over all of them.
 *
 * The tree is cut into paths, each of which goes on to the child with the most spans below it. So whoever goes up
 * changes to another path a logarithmic number of times at most, and a whole path takes one step.
 */
export class NearestAbove {
  readonly #parents: Int32Array;
  readonly #depths: Int32Array;
  /** Of the path that a span is on: its topmost span. */
  readonly #tops: Int32Array;

  constructor({ parents, bottomUp }: Pick<SpanTree, "parents" | "bottomUp">) {
    const count = bottomUp.length;
    const sizes = new Int32Array(count).fill(1);
    const next = new Int32Array(count).fill(-1);
    for (const position of bottomUp) {
      const parent = parents[position] as number;
      if (parent === -1) continue;
      const size = sizes[position] as number;
      sizes[parent] = (sizes[parent] as number) + size;
      const other = next[parent] as number;
      if (other === -1 || size > (sizes[other] as number)) next[parent] = position;
    }
    this.#parents = parents;
    this.#depths = new Int32Array(count);
    this.#tops = new Int32Array(count);
    for (let i = count - 1; i >= 0; i--) {
      const position = bottomUp[i] as number;
      const parent = parents[position] as number;
      if (parent !== -1) this.#depths[position] = (this.#depths[parent] as number) + 1;
      const goesOn = parent !== -1 && next[parent] === position;
      this.#tops[position] = goesOn ? (this.#tops[parent] as number) : position;
    }
  }

  /** @returns the position of the nearest span that is above both, or is one of them and above the other; -1 if none is */
  of(one: number, other: number): number {
    let [a, b] = [one, other];
    while (this.#tops[a] !== this.#tops[b]) {
      const [topOfA, topOfB] = [this.#tops[a] as number, this.#tops[b] as number];
      if ((this.#depths[topOfA] as number) >= (this.#depths[topOfB] as number)) {
        a = this.#parents[topOfA] as number;
      } else b = this.#parents[topOfB] as number;
      if (a === -1 || b === -1) return -1;
    }
    return (this.#depths[a] as number) <= (this.#depths[b] as number) ? a : b;
  }
}
