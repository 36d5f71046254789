import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { freezeDeeply } from "./freezeDeeply.js";

/** Every object that can be reached through objects and arrays. */
function reachable(value: unknown, seen = new Set<object>()): Set<object> {
  if (typeof value !== "object" || value === null || seen.has(value)) return seen;
  seen.add(value);
  for (const member of Object.values(value)) reachable(member, seen);
  return seen;
}

describe("freezeDeeply", () => {
  it("makes any JSON immutable", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const copy = structuredClone(json);
        expect(freezeDeeply(copy)).toBe(true);
        for (const object of reachable(copy)) expect(Object.isFrozen(object)).toBe(true);
        expect(copy).toEqual(json);
      }),
    );
  });

  it.each([
    ["a Map", new Map([["a", 1]])],
    ["a Set", new Set([1])],
    ["a date", new Date(0)],
    ["bytes", new Uint8Array(2)],
    ["a buffer", new ArrayBuffer(2)],
    ["an error", new Error("no")],
  ])("says that %s stays changeable, however deep", (_, value) => {
    expect(freezeDeeply(structuredClone(value))).toBe(false);
    expect(freezeDeeply(structuredClone({ a: [{ value }], b: 1 }))).toBe(false);
  });

  it("ends where values hold each other", () => {
    const first: { next?: unknown; other?: unknown } = {};
    first.next = { back: first };
    expect(freezeDeeply(first)).toBe(true);
    const second: { next?: unknown; bytes?: Uint8Array } = {};
    second.next = { back: second };
    second.bytes = new Uint8Array(1);
    expect(freezeDeeply(second)).toBe(false);
  });
});
