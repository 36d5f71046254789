import { EventSourcingError } from "../errors/eventSourcingError.js";
import type { PageOptions } from "../stores/page.js";
import { wholeNumber } from "./wholeNumber.js";

const PREFIX = "1.";

/** The cursor of the page that starts after `last` in a listing ordered by it: it outlives whatever is added. */
export function encodeCursor(last: string): string {
  return PREFIX + Buffer.from(last, "utf8").toString("base64url");
}

/** @throws EventSourcingError `INVALID_CURSOR` for anything `encodeCursor` did not give */
export function decodeCursor(cursor: string): string {
  if (typeof cursor === "string" && cursor.startsWith(PREFIX)) {
    const last = Buffer.from(cursor.slice(PREFIX.length), "base64url").toString("utf8");
    if (last.length > 0 && encodeCursor(last) === cursor) return last;
  }
  throw invalidCursor(cursor);
}

/** What a listing throws for a cursor that it did not give: `INVALID_CURSOR`. */
export function invalidCursor(cursor: string): EventSourcingError {
  return new EventSourcingError(
    "INVALID_CURSOR",
    `Not a cursor of this listing: ${JSON.stringify(String(cursor).slice(0, 64))}. Give back a page's nextCursor as it is.`,
  );
}

/** @throws EventSourcingError `INVALID_OPTIONS` unless it is a whole number from 1 */
export function pageLimit(options: PageOptions | undefined): number {
  return wholeNumber("limit", options?.limit ?? 1_000, 1);
}
