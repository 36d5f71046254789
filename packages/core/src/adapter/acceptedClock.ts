/** Stamps accepted events. */
export interface AcceptedClock {
  /** Unix nanoseconds, greater than every value this clock gave before, also when the system clock steps back. */
  next(): bigint;
}

/** @param nowMs the system clock, Unix milliseconds; replaceable for tests */
export function createAcceptedClock(nowMs: () => number = Date.now): AcceptedClock {
  let last = 0n;
  // Processes share milliseconds; a random offset below one keeps their stamps apart.
  const offset = BigInt(Math.floor(Math.random() * 1_000_000));
  return {
    next() {
      const candidate = BigInt(nowMs()) * 1_000_000n + offset;
      last = candidate > last ? candidate : last + 1n;
      return last;
    },
  };
}
