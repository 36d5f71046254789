import { expect, it } from "vitest";
import { formatInstant, parseInstant } from "./instant.js";

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
