import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonicalJson.js";
import { jsonText, MAX_JSON_DEPTH } from "./jsonText.js";

class Money {
  readonly cents: number;
  constructor(cents: number) {
    this.cents = cents;
  }
}

const circular: { name: string; items: unknown[] } = { name: "a", items: [] };
circular.items.push({ owner: circular });

describe("jsonText", () => {
  it("gives what JSON.parse makes the same value of, for any JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(jsonText(value, "value"))).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  it("returns what it was given or refuses it, for any value at all", () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withSparseArray: true,
        }),
        (value) => {
          let text: string;
          try {
            text = jsonText(value, "value");
          } catch (error) {
            expect(error).toBeInstanceOf(TypeError);
            expect((error as Error).message).toMatch(/^value/);
            return;
          }
          expect(JSON.parse(text)).toEqual(value);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("spells a value as canonicalJson does, but for -0", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(jsonText(value, "value").replaceAll("-0", "0")).toBe(
          canonicalJson(value).replaceAll("-0", "0"),
        );
      }),
    );
    expect(Object.is(JSON.parse(jsonText([-0], "value"))[0], -0)).toBe(true);
  });

  it.each([
    ["members that are undefined, as absent ones", { a: undefined, b: { c: undefined } }, '{"b":{}}'],
    ["lone surrogates, in keys too", { "\udc00": "\ud800" }, '{"\\udc00":"\\ud800"}'],
    [
      "names with a meaning",
      JSON.parse('{"__proto__":{"a":1},"toJSON":2}'),
      '{"__proto__":{"a":1},"toJSON":2}',
    ],
    ["objects without a prototype", Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ["objects of another realm", runInNewContext("({ a: [1] })"), '{"a":[1]}'],
    ["the same object in two places", [circular.name, [circular.name]], '["a",["a"]]'],
  ])("takes %s", (_, value, text) => {
    expect(jsonText(value, "data")).toBe(text);
  });

  it.each([
    [{ price: 12n }, "data.price is a bigint"],
    [{ at: [new Date(0)] }, "data.at[0] is a Date"],
    [{ byKey: new Map() }, "data.byKey is a Map"],
    [{ lines: [{ paid: new Money(5) }] }, "data.lines[0].paid is a Money"],
    [{ share: Number.NaN }, "data.share is NaN"],
    [[Number.NEGATIVE_INFINITY], "data[0] is -Infinity"],
    [[1, undefined], "data[1] is undefined"],
    [undefined, "data is undefined"],
    // biome-ignore lint/suspicious/noSparseArray: it is what is refused
    [{ list: [1, , 3] }, "data.list[1] is missing"],
    [{ call: () => 1 }, "data.call is a function"],
    [{ mark: Symbol("a") }, "data.mark is a symbol"],
    [{ [Symbol("a")]: 1 }, "data has a symbol as a key"],
    [{ "a key": { "": 1n } }, 'data["a key"][""] is a bigint'],
    [{ match: /a/.exec("a") }, "data.match is an array with members of its own"],
    [{ bytes: new Uint8Array(1) }, "data.bytes is a Uint8Array"],
    [{ boxed: Object(1) }, "data.boxed is a Number"],
    [circular, "data.items[0].owner holds itself"],
    [{ toJSON: () => 1 }, "data.toJSON is a function"],
  ])("refuses %o, with the path to the value", (value, message) => {
    expect(() => jsonText(value, "data")).toThrow(new RegExp(`^${message.replace(/[[\].]/g, "\\$&")}`));
  });

  it("refuses what is nested too deeply, and nothing before that", () => {
    const nested = (levels: number) => {
      let value: unknown = 1;
      for (let level = 0; level < levels; level++) value = [value];
      return value;
    };
    expect(jsonText(nested(MAX_JSON_DEPTH), "data")).toContain("[[1]]");
    for (const levels of [MAX_JSON_DEPTH + 1, 100_000])
      expect(() => jsonText(nested(levels), "data")).toThrow(/is nested deeper than 500 levels/);
  });

  it("refuses an endless value at once, however much stands beside the end", () => {
    const wide: { rows: number[]; self?: unknown } = { rows: Array.from({ length: 200_000 }, (_, i) => i) };
    wide.self = wide;
    const started = performance.now();
    expect(() => jsonText(wide, "data")).toThrow("data.self holds itself");
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
