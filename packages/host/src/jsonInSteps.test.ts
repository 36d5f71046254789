import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonInSteps } from "./jsonInSteps.js";

/** The text, and in how many steps it was written. */
function written(value: unknown): { readonly text: string; readonly steps: number } {
  const steps = jsonInSteps(value);
  for (let count = 1; ; count++) {
    const step = steps.next();
    if (step.done === true) return { text: Buffer.concat(step.value).toString(), steps: count };
  }
}

const wide = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ key: `k${n}`, value: { n, é: "\u2028" } }));

describe("JSON in steps", () => {
  it("is what JSON.stringify writes, of any value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const value = {
          one,
          list: [other, undefined, null],
          none: undefined,
          wide: [wide(2_000), one, {}, []],
        };
        expect(written(value).text).toBe(JSON.stringify(value));
      }),
      { numRuns: 50 },
    );
    for (const value of [null, 1, "text", [], {}, [[]], "x".repeat(100_000), { only: undefined }])
      expect(written(value).text).toBe(JSON.stringify(value));
  });

  it("takes more steps the more there is, however the value is nested", () => {
    const spans = (count: number) => ({
      spans: Array.from({ length: count }, () => ({ attributes: wide(20) })),
    });
    expect(written(spans(10)).steps).toBe(1);
    expect(written(spans(5_000)).steps).toBeGreaterThan(40);
    const one = {
      spans: [{ attributes: [{ key: "list", value: { arrayValue: { values: wide(100_000) } } }] }],
    };
    expect(written(one).steps).toBeGreaterThan(40);
    expect(written(one).text).toBe(JSON.stringify(one));
    expect(written(Array.from({ length: 1_000_000 }, () => 1)).steps).toBeGreaterThan(20);
  });
});
