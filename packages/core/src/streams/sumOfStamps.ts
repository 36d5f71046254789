import type { Event } from "../events/event.js";

const stamp = new BigUint64Array(1);
const halves = new Uint32Array(stamp.buffer);
stamp[0] = 1n;
const LOW = halves[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;

/** Up to so many halves of 32 bits make a sum that a number holds exactly. */
const MAX_EXACT = 2 ** 21;

/**
 * The sum of `acceptedAt`. Bigints that are added one by one make a new bigint each time, which costs more than all else
 * that a stream asks of sorted events but whether they are distinct. So halves of stamps are added, as numbers.
 */
export function sumOfStamps(events: readonly Event[]): bigint {
  if (events.length > MAX_EXACT) return sumOneByOne(events);
  let low = 0;
  let high = 0;
  for (const { acceptedAt } of events) {
    // Only stores refuse what is no such stamp.
    if (BigInt.asUintN(64, acceptedAt) !== acceptedAt) return sumOneByOne(events);
    stamp[0] = acceptedAt;
    low += halves[LOW] as number;
    high += halves[HIGH] as number;
  }
  return (BigInt(high) << 32n) + BigInt(low);
}

export function sumOneByOne(events: readonly Event[]): bigint {
  let sum = 0n;
  for (const { acceptedAt } of events) sum += acceptedAt;
  return sum;
}
