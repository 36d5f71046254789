import { decodeCursor, encodeCursor, invalidCursor } from "@es/core/adapter";

/** A place among the spans of a trace, which are ordered by start, then by id. */
export interface SpanPlace {
  /** Unix nanoseconds, decimal. */
  readonly start: string;
  /** Upper case hex of the id's bytes: an id that is no text would come back as another, and its page again and again. */
  readonly idHex: string;
  /** How many of the spans around it fill a page: the next one asks for so many at once. */
  readonly fitting?: number;
}

const form = /^span:(\d{1,20}):((?:[0-9A-F]{2})*)(?::([1-9]\d{0,4}))?$/;

export function writeSpanCursor({ start, idHex, fitting }: SpanPlace): string {
  return encodeCursor(`span:${start}:${idHex}${fitting === undefined ? "" : `:${fitting}`}`);
}

/** @throws EventSourcingError `INVALID_CURSOR` for anything {@link writeSpanCursor} did not give */
export function readSpanCursor(cursor: string): SpanPlace {
  const [, start, idHex, fitting] = form.exec(decodeCursor(cursor)) ?? [];
  if (start === undefined || idHex === undefined || BigInt(start) >= 2n ** 64n) throw invalidCursor(cursor);
  return { start, idHex, ...(fitting === undefined ? {} : { fitting: Number(fitting) }) };
}
