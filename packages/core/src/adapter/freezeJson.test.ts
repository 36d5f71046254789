import fc from "fast-check";
import { expect, it } from "vitest";
import { freezeJson } from "./freezeJson.js";

/** Every object that can be reached through objects and arrays. */
function reachable(value: unknown): readonly object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(reachable)];
}

it("makes any JSON immutable, and changes nothing about it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      const copy = JSON.parse(JSON.stringify(json)) as unknown;
      const before = structuredClone(copy);
      expect(freezeJson(copy)).toBe(copy);
      for (const object of reachable(copy)) expect(Object.isFrozen(object)).toBe(true);
      expect(copy).toEqual(before);
    }),
  );
});
