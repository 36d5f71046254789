import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareIds } from "./compareIds.js";

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe("compareIds", () => {
  it("is the order of the UTF-8 bytes, for any two ids", () => {
    // Near the surrogates, where the two orders differ, and anything else.
    const character = fc.oneof(
      fc.constantFrom("a", "\u{d7ff}", "\u{e000}", "\u{ff5e}", "\u{ffff}", "\u{10000}", "😀", "\u{10ffff}"),
      fc
        .integer({ min: 1, max: 0x10f7ff })
        .map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800)),
    );
    const id = fc.array(character, { maxLength: 6 }).map((characters) => characters.join(""));
    fc.assert(
      fc.property(id, id, (a, b) => {
        expect(Math.sign(compareIds(a, b))).toBe(Math.sign(byBytes(a, b)));
      }),
      { numRuns: 500 },
    );
  });

  it("puts an emoji after a full-width tilde", () => {
    expect(["😀", "～", "a"].sort(compareIds)).toEqual(["a", "～", "😀"]);
    expect(["😀", "～", "a"].sort()).toEqual(["a", "😀", "～"]);
  });
});
