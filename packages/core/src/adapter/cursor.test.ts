import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCursor, encodeCursor, pageLimit } from "./cursor.js";

describe("cursors", () => {
  it.each(["a", "a:b/c%", "\u0000", "😀", "x".repeat(10_000)])("come back as they were: %j", (last) => {
    expect(decodeCursor(encodeCursor(last))).toBe(last);
  });

  it("come back as they were, whatever the id", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (last) => {
        expect(decodeCursor(encodeCursor(last))).toBe(last);
      }),
    );
  });

  it.each([5, null, {}, ["1.YQ"]])("refuse %j, which is no text", (cursor) => {
    expect(() => decodeCursor(cursor as string)).toThrow(expect.objectContaining({ code: "INVALID_CURSOR" }));
  });

  it.each(["", "1.", "a", "2.YQ", "1.YQ==", "1.%%", "1._w", `${encodeCursor("abc")} `])(
    "refuse %j",
    (cursor) => {
      expect(() => decodeCursor(cursor)).toThrow(expect.objectContaining({ code: "INVALID_CURSOR" }));
    },
  );
});

describe("pageLimit", () => {
  it("is 1000 by default", () => expect(pageLimit(undefined)).toBe(1_000));

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses %s", (limit) => {
    expect(() => pageLimit({ limit })).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  });
});
