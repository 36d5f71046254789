import { expect, it } from "vitest";
import { formatInstant, instantFault, parseInstant } from "./instant.js";

it.each([
  [0n, "1970-01-01T00:00:00Z"],
  [1_700_000_000_000_000_000n, "2023-11-14T22:13:20Z"],
  [1_700_000_000_500_000_000n, "2023-11-14T22:13:20.5Z"],
  [1_700_000_000_000_000_001n, "2023-11-14T22:13:20.000000001Z"],
  [2n ** 64n - 1n, "2554-07-21T23:34:33.709551615Z"],
])("formats %s exactly, and reads it again", (nanoseconds, text) => {
  expect(formatInstant(nanoseconds)).toBe(text);
  expect(parseInstant(text)).toBe(nanoseconds);
});

it.each([
  ["1", "a moment of 1970"],
  ["0", "the first moment of 1970"],
  ["1800000000", "seconds"],
  ["1800000000000", "milliseconds"],
  ["1800000000000000", "microseconds"],
  ["946684799999999999", "the nanosecond before this century"],
  ["4102444800000000000", "the first nanosecond of the next one"],
  ["18446744073709551615", "the last of 64 bits"],
  ["2027-02-29T00:00:00Z", "a day that is none"],
  ["2027-04-31T00:00:00+02:00", "a day that is none"],
  ["2027-01-01T24:00:00Z", "an hour that is none"],
  ["2027-01-01T00:00:00", "no zone"],
])("does not read %s: %s", (text) => {
  expect(parseInstant(text)).toBeUndefined();
  expect(instantFault(text)).toContain("expected a time such as");
});

it.each([
  ["946684800000000000", "2000-01-01T00:00:00Z"],
  ["4102444799999999999", "2099-12-31T23:59:59.999999999Z"],
  ["1830384000000000000", "2028-01-02T00:00:00Z"],
])("reads the nanoseconds %s", (text, same) => expect(parseInstant(text)).toBe(parseInstant(same)));

it("reads the 29th of February of a leap year", () => {
  expect(parseInstant("2028-02-29T00:00:00+01:00")).toBe(parseInstant("2028-02-28T23:00:00Z"));
});

it.each([
  ["1800000000", "if these are seconds, write 1800000000000000000 or 2027-01-15T08:00:00Z"],
  ["1800000000001", "if these are milliseconds, write 1800000000001000000 or 2027-01-15T08:00:00.001Z"],
  ["1800000000000002", "if these are microseconds, write 1800000000000002000"],
])("says of %s what it may be", (text, hint) => expect(instantFault(text)).toContain(hint));
