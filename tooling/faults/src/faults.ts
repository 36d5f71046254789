import { createRandom } from "@es/tooling-chaos/system";
import { clickHouseFaults } from "./clickHouseFaults.js";
import type { Fault } from "./fault.js";
import { redisFaults } from "./redisFaults.js";

export const faults: readonly Fault[] = [...clickHouseFaults, ...redisFaults];

/**
 * Those whose name, or engine, holds one of these.
 *
 * @throws RangeError with the names there are
 */
export function faultsNamed(parts: readonly string[]): readonly Fault[] {
  const matches = ({ name, engine }: Fault, part: string) =>
    `${engine} ${name}`.toLowerCase().includes(part.toLowerCase());
  for (const part of parts) {
    if (faults.some((fault) => matches(fault, part))) continue;
    const names = faults.map(({ name }) => name).join(", ");
    throw new RangeError(`There is no fault ${JSON.stringify(part)}; there are ${names}`);
  }
  return faults.filter((fault) => parts.some((part) => matches(fault, part)));
}

/** A few of all, by a seed: what the tests have time for. The same seed gives the same ones. */
export function someFaults(seed: number, count: number, among: readonly Fault[] = faults): readonly Fault[] {
  return createRandom(seed, "faults").shuffle(among).slice(0, count);
}
