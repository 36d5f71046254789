import { encodeCursor, encodeRefCursor } from "@es/core/adapter";
import fc from "fast-check";
import { expect, it } from "vitest";
import { readSessionListCursor, writeSessionListCursor } from "./sessionListCursor.js";

it("comes back as it was, whatever the id", () => {
  const anyId = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ unit: "binary", maxLength: 40 }).map((id) => Buffer.from(id)),
  );
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), anyId, (last, id) => {
      const place = { last: String(last), idHex: id.toString("hex").toUpperCase() };
      expect(readSessionListCursor(writeSessionListCursor(place))).toEqual(place);
    }),
  );
});

it("is no cursor of traces, spans or lagging aggregates", () => {
  const anyId = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.nat(), anyId, (start, id) => {
      const hex = Buffer.from(id).toString("hex").toUpperCase();
      const cursors = [
        encodeCursor(`${start}:${hex}`),
        encodeCursor(`span:${start}:${hex}`),
        encodeCursor(id),
        encodeRefCursor({ tenantId: "session:1", aggregateId: id }),
      ];
      for (const cursor of cursors) {
        expect(() => readSessionListCursor(cursor)).toThrow(
          expect.objectContaining({ code: "INVALID_CURSOR" }),
        );
      }
    }),
  );
});

it.each([
  "",
  "x",
  encodeCursor("session:1"),
  encodeCursor("1:61"),
  encodeCursor("span:1:61"),
  encodeCursor('["1","a"]'),
  encodeCursor(`session:${2n ** 64n}:61`),
  encodeRefCursor({ tenantId: "a", aggregateId: "1" }),
])("refuses %j", (cursor) => {
  expect(() => readSessionListCursor(cursor)).toThrow(expect.objectContaining({ code: "INVALID_CURSOR" }));
});
