import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromPicodollars, toPicodollars } from "./picodollars.js";

describe("picodollars", () => {
  it.each([
    ["0", 0n],
    ["0.000000000001", 1n],
    ["0.00038", 380_000_000n],
    ["12", 12_000_000_000_000n],
    ["99999999999999999999.999999999999", 10n ** 32n - 1n],
  ])("reads and writes %s exactly", (text, picodollars) => {
    expect(toPicodollars(text)).toBe(picodollars);
    expect(fromPicodollars(picodollars)).toBe(text);
  });

  it("comes back as it was, whatever the amount", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 40n }), (amount) => {
        expect(toPicodollars(fromPicodollars(amount))).toBe(amount);
      }),
    );
  });

  it.each(["", "-1", "1e-3", ".5", "1.", "0.0000000000001", "NaN"])("refuses %j", (text) => {
    expect(() => toPicodollars(text)).toThrow(TypeError);
  });
});
