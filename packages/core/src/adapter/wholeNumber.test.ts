import { describe, expect, it } from "vitest";
import { finiteNumber } from "./finiteNumber.js";
import { milliseconds } from "./milliseconds.js";
import { wholeNumber } from "./wholeNumber.js";

const refusal = (message: string) => expect.objectContaining({ code: "INVALID_OPTIONS", message });

describe("wholeNumber", () => {
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
        refusal(`attempts must be a whole number of at least 1, got ${value}.`),
      );
    },
  );

  it.each(["5", 5n, null, undefined, Symbol("5")])("refuses %s, which is no number", (value) => {
    expect(() => wholeNumber("attempts", value as unknown as number, 1)).toThrow(
      refusal(`attempts must be a whole number of at least 1, got ${String(value)}.`),
    );
  });

  it("refuses what is beyond the greatest, and says the range", () => {
    expect(wholeNumber("version", 10, 0, 10)).toBe(10);
    expect(() => wholeNumber("version", 11, 0, 10)).toThrow(
      refusal("version must be a whole number from 0 to 10, got 11."),
    );
  });
});

describe("milliseconds", () => {
  it("refuses what a timer cannot wait for", () => {
    expect(milliseconds("intervalMs", 2 ** 31 - 1, 0)).toBe(2 ** 31 - 1);
    expect(() => milliseconds("intervalMs", 2 ** 31, 0)).toThrow(
      refusal("intervalMs must be a whole number from 0 to 2147483647, got 2147483648."),
    );
  });
});

describe("finiteNumber", () => {
  it("takes fractions, and 0 unless it has to be above", () => {
    expect(finiteNumber("rate", 0.5)).toBe(0.5);
    expect(finiteNumber("rate", 0)).toBe(0);
    expect(() => finiteNumber("rate", 0, { aboveZero: true })).toThrow(
      refusal("rate must be a number above 0, got 0."),
    );
  });

  it.each([-0.1, Number.NaN, Number.POSITIVE_INFINITY, "1"])("refuses %s", (value) => {
    expect(() => finiteNumber("rate", value as number)).toThrow(
      refusal(`rate must be a number of at least 0, got ${value}.`),
    );
  });
});
