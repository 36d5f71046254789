import { encodeCursor, encodeRefCursor } from "@es/core/adapter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSpanCursor, writeSpanCursor } from "../src/read/spanCursor.js";
import { readTraceListCursor, writeTraceListCursor } from "../src/read/traceListCursor.js";

const anyPlace = fc.record({
  start: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  idHex: fc
    .oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.stringMatching(/^[0-9a-f]{16}$/).map((id) => Buffer.from(id)),
      fc.string({ unit: "binary", maxLength: 40 }).map((id) => Buffer.from(id)),
    )
    .map((bytes) => bytes.toString("hex").toUpperCase()),
});

const listings = [
  { listing: "traces", write: writeTraceListCursor, read: readTraceListCursor },
  { listing: "spans", write: writeSpanCursor, read: readSpanCursor },
];

describe.each(listings)("the cursor of $listing", ({ listing, write, read }) => {
  it("comes back as it was, whatever the id", () => {
    fc.assert(
      fc.property(anyPlace, (place) => {
        expect(read(write(place))).toEqual(place);
      }),
    );
  });

  it("is refused by every other listing", () => {
    const others = listings.filter((other) => other.listing !== listing);
    fc.assert(
      fc.property(anyPlace, (place) => {
        for (const other of others) {
          expect(() => other.read(write(place))).toThrow(expect.objectContaining({ code: "INVALID_CURSOR" }));
        }
      }),
    );
  });

  if (listing === "spans") {
    it("keeps how many spans fill a page", () => {
      const place = { start: "7", idHex: "AB", fitting: 512 };
      expect(readSpanCursor(writeSpanCursor(place))).toEqual(place);
      for (const fitting of ["0", "100000", "-1", "x"]) {
        expect(() => readSpanCursor(encodeCursor(`span:7:AB:${fitting}`))).toThrow(
          expect.objectContaining({ code: "INVALID_CURSOR" }),
        );
      }
    });
  }

  it.each([
    "x",
    "",
    encodeCursor("1"),
    encodeCursor("1:zz"),
    encodeCursor("1:4bf92f3577b34da6"),
    encodeCursor("span:1:4bf92f3577b34da6"),
    encodeCursor(`${2n ** 64n}:00`),
    encodeCursor(`span:${2n ** 64n}:00`),
    encodeRefCursor({ tenantId: "a", aggregateId: "1" }),
  ])("is not %j", (cursor) => {
    expect(() => read(cursor)).toThrow(expect.objectContaining({ code: "INVALID_CURSOR" }));
  });
});
