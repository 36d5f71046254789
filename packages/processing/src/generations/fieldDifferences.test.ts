import { canonicalJson } from "@es/core/adapter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldDifferences } from "./fieldDifferences.js";

const fieldsOf = (from: unknown, to: unknown) => fieldDifferences(from, to).map(({ field }) => field);

describe("fieldDifferences", () => {
  it("names the smallest part that differs", () => {
    const from = { usage: { input: 1, output: 2 }, models: ["a"], name: "x", same: { deep: [1] } };
    const to = { usage: { input: 1, output: 3 }, models: ["a", "b"], name: "x", same: { deep: [1] } };
    expect(fieldDifferences(from, to)).toEqual([
      { field: "/models", from: ["a"], to: ["a", "b"] },
      { field: "/usage/output", from: 2, to: 3 },
    ]);
  });

  it("tells a field that is not there from null, and takes undefined for not there", () => {
    expect(fieldDifferences({ a: null, c: undefined }, { b: 1 })).toEqual([
      { field: "/a", from: null, to: undefined },
      { field: "/b", from: undefined, to: 1 },
    ]);
    expect(fieldsOf({ a: null }, { a: {} })).toEqual(["/a"]);
  });

  it("escapes names, and is not misled by those of prototypes", () => {
    expect(fieldsOf({ "a/b~c": 1, "": 1 }, {})).toEqual(["/", "/a~1b~0c"]);
    expect(fieldsOf({}, JSON.parse('{"__proto__":1,"constructor":2,"toString":3}'))).toEqual([
      "/__proto__",
      "/constructor",
      "/toString",
    ]);
    expect(fieldsOf(1, { a: 1 })).toEqual([""]);
  });

  it("finds a difference exactly where the JSON differs", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (a, b) => {
        expect(fieldDifferences(a, structuredClone(a))).toEqual([]);
        expect(fieldDifferences(a, b).length > 0).toBe(canonicalJson(a) !== canonicalJson(b));
      }),
    );
  });
});
