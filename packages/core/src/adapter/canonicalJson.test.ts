import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonicalJson.js";

describe("canonicalJson", () => {
  it("means what JSON.stringify means for JSON values", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("does not depend on the order of keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(canonicalJson(new Map(Object.entries(value).reverse()))).toBe(canonicalJson(value));
      }),
    );
  });

  it.each([
    [12345678901234567890n, '"12345678901234567890"'],
    [Number.NaN, '"NaN"'],
    [-0, "0"],
    [new Uint8Array([1, 2, 255]), '"AQL/"'],
    [{ b: undefined, a: [undefined, null] }, '{"a":[null,null]}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['\u2028"', '"\u2028\\""'],
  ])("spells %o", (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });
});
