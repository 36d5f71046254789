import { decodeCursor, encodeCursor, invalidCursor } from "./cursor.js";

/**
 * `encodeCursor` for a listing over all tenants, ordered by tenant, then aggregate id. It takes any place, also that of a row
 * with a tenant that cannot be.
 */
export function encodeRefCursor({
  tenantId,
  aggregateId,
}: {
  readonly tenantId: string;
  readonly aggregateId: string;
}): string {
  return encodeCursor(JSON.stringify([tenantId, aggregateId]));
}

/** @throws EventSourcingError `INVALID_CURSOR` for anything `encodeRefCursor` did not give */
export function decodeRefCursor(cursor: string): readonly [tenantId: string, aggregateId: string] {
  const text = decodeCursor(cursor);
  try {
    const parts: unknown = JSON.parse(text);
    if (Array.isArray(parts) && parts.length === 2) {
      const [tenantId, aggregateId] = parts as unknown[];
      if (typeof tenantId === "string" && typeof aggregateId === "string") return [tenantId, aggregateId];
    }
  } catch {
    // Every way to be wrong is reported below.
  }
  throw invalidCursor(cursor);
}
