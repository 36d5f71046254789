import fc from "fast-check";
import { expect, it } from "vitest";
import { copyPlain } from "./copyPlain.js";

it("gives an equal value that shares no array and no plain object with the one given", () => {
  const values = fc.jsonValue();
  fc.assert(
    fc.property(values, (value) => {
      const copied = copyPlain(value);
      expect(copied).toEqual(value);
      const originals = new Set(objectsOf(value));
      expect(objectsOf(copied).filter((object) => originals.has(object))).toEqual([]);
    }),
  );
});

it("keeps what is no plain data, what is held twice, and what holds itself", () => {
  const map = new Map([["a", 1n]]);
  const twice = { n: 1 };
  const given: Record<string, unknown> = { map, bytes: new Uint8Array(2), first: twice, second: [twice] };
  given.self = given;
  Object.defineProperty(given, "__proto__", { value: { a: 1 }, enumerable: true });
  const copied = copyPlain(given);
  expect(copied).not.toBe(given);
  expect(copied.map).toBe(map);
  expect(copied.bytes).toBe(given.bytes);
  expect(copied.self).toBe(copied);
  expect(copied.first).not.toBe(twice);
  expect((copied.second as unknown[])[0]).toBe(copied.first);
  expect(Object.keys(copied)).toContain("__proto__");
  expect(Object.getPrototypeOf(copied)).toBe(Object.prototype);
});

it("ends for values that are nested without end", () => {
  let value: unknown[] = [];
  for (let i = 0; i < 100_000; i++) value = [value];
  expect(copyPlain(value)).not.toBe(value);
});

function objectsOf(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsOf)];
}
