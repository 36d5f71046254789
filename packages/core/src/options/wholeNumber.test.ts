import { expect, it } from "vitest";
import { wholeNumber } from "./wholeNumber.js";

it.each([
  [1, 1],
  [0, 0],
  [Number.MAX_SAFE_INTEGER, 1],
])("gives %d back where at least %d is asked", (value, least) => {
  expect(wholeNumber("attempts", value, least)).toBe(value);
});

it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
  "refuses %d and names the option",
  (value) => {
    expect(() => wholeNumber("attempts", value, 1)).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTIONS",
        message: `attempts must be a whole number of at least 1, got ${value}.`,
      }),
    );
  },
);
