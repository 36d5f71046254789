import fc from "fast-check";
import { expect, it } from "vitest";
import { dropUndated } from "./names.js";

const name = fc
  .array(
    fc.constantFrom(
      "gpt-4o",
      "claude",
      "-",
      "@",
      "-2024-08-06",
      "@20241022",
      "-0613",
      "-001",
      "-v2",
      "-v1:0",
      "-v12345:12345",
      "9",
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(""));

it("leaves out the names of models that are there with a version behind them, and no others", () => {
  const version = /^[-@](\d{4}-\d\d-\d\d|20\d{6}|[01]\d[0-3]\d|0\d\d)(-v\d+(:\d+)?)?$/;
  const isVersionOf = (undated: string) => (other: string) =>
    other.startsWith(undated) && version.test(other.slice(undated.length));
  const kept = (names: readonly string[]) => [
    ...dropUndated(new Map(names.map((of) => [of, { spanId: "1", key: "model", ruleId: "rule" }]))).keys(),
  ];
  expect(kept(["gpt-4o", "gpt-4o-mini", "gpt-4o-2024-08-06", "a", "a-2024-08-06-v1:0"])).toEqual([
    "gpt-4o-mini",
    "gpt-4o-2024-08-06",
    "a-2024-08-06-v1:0",
  ]);
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 12 }), (names) => {
      expect(kept(names)).toEqual(names.filter((undated) => !names.some(isVersionOf(undated))));
    }),
    { numRuns: 1_000 },
  );
});
