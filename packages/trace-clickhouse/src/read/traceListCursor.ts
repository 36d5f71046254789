import { decodeCursor, encodeCursor, invalidCursor } from "@es/core/adapter";

/** A place in the listing of traces, which is ordered by start, then by id. */
export interface TraceListPlace {
  /** Unix nanoseconds, decimal. */
  readonly start: string;
  /** Upper case hex of the id's bytes: an id that is no text would come back as another, and its page again and again. */
  readonly idHex: string;
}

const form = /^(\d{1,20}):((?:[0-9A-F]{2})*)$/;

export function writeTraceListCursor({ start, idHex }: TraceListPlace): string {
  return encodeCursor(`${start}:${idHex}`);
}

/** @throws EventSourcingError `INVALID_CURSOR` for anything {@link writeTraceListCursor} did not give */
export function readTraceListCursor(cursor: string): TraceListPlace {
  const [, start, idHex] = form.exec(decodeCursor(cursor)) ?? [];
  if (start === undefined || idHex === undefined || BigInt(start) >= 2n ** 64n) throw invalidCursor(cursor);
  return { start, idHex };
}
