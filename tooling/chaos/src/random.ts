import { createHash } from "node:crypto";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Random choices that the same seed gives again. */
export interface Random {
  /** Both ends included. */
  integer(least: number, greatest: number): number;
  /** From 0, below 1. */
  fraction(): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  shuffle<T>(items: readonly T[]): T[];
  /** Lower-case hex digits, never all zero. */
  hex(digits: number): string;
}

/** @param names what the choices are for: different names give independent choices under one seed */
export function createRandom(seed: number, ...names: readonly (string | number)[]): Random {
  const digest = createHash("sha256")
    .update(JSON.stringify([seed, ...names]))
    .digest();
  const generator = xoroshiro128plus(digest.readInt32LE(0));
  const integer = (least: number, greatest: number) => uniformInt(generator, least, greatest);
  const fraction = () => integer(0, 2 ** 31 - 1) / 2 ** 31;
  const pick = <T>(items: readonly T[]): T => {
    if (items.length === 0) throw new RangeError("There is nothing to pick from.");
    return items[integer(0, items.length - 1)] as T;
  };
  return {
    integer,
    fraction,
    chance: (probability) => fraction() < probability,
    pick,
    shuffle(items) {
      const shuffled = [...items];
      for (let last = shuffled.length - 1; last > 0; last--) {
        const other = integer(0, last);
        [shuffled[last], shuffled[other]] = [shuffled[other] as never, shuffled[last] as never];
      }
      return shuffled;
    },
    hex(digits) {
      const text = Array.from({ length: digits }, () => integer(0, 15).toString(16)).join("");
      return /^0+$/.test(text) ? `${text.slice(1)}1` : text;
    },
  };
}
