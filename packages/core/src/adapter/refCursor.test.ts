import fc from "fast-check";
import { expect, it } from "vitest";
import { parseTenantId } from "../tenancy/tenantId.js";
import { encodeCursor } from "./cursor.js";
import { decodeRefCursor, encodeRefCursor } from "./refCursor.js";

it("comes back as it was, whatever the ids hold", () => {
  for (const aggregateId of ["a", ":", '","', "\u0000", "🦊", "x".repeat(16_384)]) {
    const cursor = encodeRefCursor({ tenantId: parseTenantId('a"],["b'), aggregateId });
    expect(decodeRefCursor(cursor)).toEqual(['a"],["b', aggregateId]);
  }
});

it("comes back as it was, for any two ids, and is no cursor of another place", () => {
  const anyId = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(anyId, anyId, anyId, anyId, (tenantId, aggregateId, otherTenantId, otherId) => {
      const cursor = encodeRefCursor({ tenantId, aggregateId });
      expect(decodeRefCursor(cursor)).toEqual([tenantId, aggregateId]);
      const other = encodeRefCursor({ tenantId: otherTenantId, aggregateId: otherId });
      expect(other === cursor).toBe(tenantId === otherTenantId && aggregateId === otherId);
    }),
  );
});

it.each(["", "x", encodeCursor("a"), encodeCursor("[]"), encodeCursor('["a"]'), encodeCursor('["a",1]')])(
  "refuses %j",
  (cursor) => {
    expect(() => decodeRefCursor(cursor)).toThrow(expect.objectContaining({ code: "INVALID_CURSOR" }));
  },
);
