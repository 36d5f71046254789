import { decodeCursor, encodeCursor, invalidCursor } from "@es/core/adapter";

/** A place in the listing of sessions, which is ordered by last activity, then by id. */
export interface SessionListPlace {
  /** Unix nanoseconds, decimal. */
  readonly last: string;
  /** Upper case hex of the id's bytes: an id that is no text would come back as another, and its page again and again. */
  readonly idHex: string;
}

const form = /^session:(\d{1,20}):((?:[0-9A-F]{2})*)$/;

export function writeSessionListCursor({ last, idHex }: SessionListPlace): string {
  return encodeCursor(`session:${last}:${idHex}`);
}

/** @throws EventSourcingError `INVALID_CURSOR` for anything {@link writeSessionListCursor} did not give */
export function readSessionListCursor(cursor: string): SessionListPlace {
  const [, last, idHex] = form.exec(decodeCursor(cursor)) ?? [];
  if (last === undefined || idHex === undefined || BigInt(last) >= 2n ** 64n) throw invalidCursor(cursor);
  return { last, idHex };
}
