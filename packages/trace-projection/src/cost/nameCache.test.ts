import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LONGEST_KEPT_NAME, NameCache } from "./nameCache.js";

const MAX_BYTES = 4_000;

describe("a cache of names from outside", () => {
  it("says what was found, and holds no more bytes than it may, whatever the names", () => {
    const name = fc.oneof(
      fc.nat({ max: 50 }).map(String),
      fc.string({ maxLength: 40 }),
      fc.nat({ max: 2 * LONGEST_KEPT_NAME }).map((length) => "é".repeat(length)),
    );
    fc.assert(
      fc.property(fc.array(name, { maxLength: 200 }), (names) => {
        const cache = new NameCache<string>(MAX_BYTES);
        for (const asked of names) {
          expect(cache.get(asked, () => `found ${asked}`)).toBe(`found ${asked}`);
          expect(cache.bytes).toBeLessThanOrEqual(MAX_BYTES);
        }
      }),
    );
  });

  it("keeps a name that is asked for again and again while others come and go", () => {
    const cache = new NameCache<number>(MAX_BYTES);
    let searches = 0;
    for (let i = 0; i < 1_000; i++) {
      cache.get("often", () => ++searches);
      cache.get(`once ${i}`, () => i);
    }
    expect(searches).toBe(1);
  });

  it("does not keep a name that is longer than any real one", () => {
    const cache = new NameCache<number>(1e9);
    cache.get("x".repeat(LONGEST_KEPT_NAME + 1), () => 1);
    expect(cache.bytes).toBe(0);
    expect(cache.get("x".repeat(LONGEST_KEPT_NAME + 1), () => 2)).toBe(2);
  });
});
