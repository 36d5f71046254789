import { Abridged } from "../attributes/abridged.js";
import type { Json } from "../traceProjection.js";
import { bytesIn, LEAST_BYTES } from "./encodedBytes.js";

/** Of a text that is shortened so much is kept at least, and this share of the limit. */
const LEAST_TEXT = 256;
const SHARE_OF_LIMIT = 16;

/** Media types of encoded bytes that nobody names, by how they begin. */
const signatures: readonly (readonly [start: string, mediaType: string])[] = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["JVBERi0", "application/pdf"],
  ["T2dnUw", "audio/ogg"],
  ["SUQz", "audio/mpeg"],
];

/** Names under which the parts of messages say what their bytes are. */
const mediaTypeKeys = [
  "mime_type",
  "mimeType",
  "media_type",
  "mediaType",
  "mimetype",
  "contentType",
  "format",
] as const;

/** What was shortened: how many values, and their characters before and after. */
export interface ShortenedValues {
  readonly values: number;
  readonly kept: number;
  readonly total: number;
}

/**
 * Shortens single long values of some that take more characters of JSON than there is room for. Bytes come first, the
 * longest of them: encoded in a text, or as a list of numbers, each is replaced by a note with its media type and length.
 * If that is not enough, long texts are cut to one length, at least a 16th of the room. Words of ordinary length stay.
 *
 * @param excess characters that they take too much
 */
export function shortenLongValues(
  values: readonly Json[],
  excess: number,
  limit: number,
): { readonly values: readonly Json[]; readonly shortened: ShortenedValues | undefined } {
  if (excess <= 0) return { values, shortened: undefined };
  const lengths: number[] = [];
  const noteLength = (length: number) => {
    lengths.push(length);
    return undefined;
  };
  for (const value of values) mapBytes(value, noteLength);
  if (lengths.length > 0) {
    const least = leastToReplace(lengths, excess);
    const bytes = new Tally();
    const replaced = values.map((value) =>
      mapBytes(value, (length, mediaType) => {
        if (length < least) return undefined;
        const note = noteOf(length, mediaType);
        bytes.add(note.length, length);
        return note;
      }),
    );
    return shortenTexts(replaced, excess - bytes.saved, limit, bytes);
  }
  return shortenTexts(values, excess, limit, new Tally());
}

/** A text with bytes in it replaced by notes, the longest first, as far as it is too long. */
export function shortenBytes(text: string, limit: number): string {
  return text.length <= limit
    ? text
    : (shortenLongValues([text], text.length - limit, Number.POSITIVE_INFINITY).values[0] as string);
}

class Tally {
  values = 0;
  kept = 0;
  total = 0;

  get saved(): number {
    return this.total - this.kept;
  }

  add(kept: number, total: number): void {
    this.values++;
    this.kept += kept;
    this.total += total;
  }

  get all(): ShortenedValues | undefined {
    const { values, kept, total } = this;
    return values === 0 ? undefined : { values, kept, total };
  }
}

function noteOf(length: number, mediaType: string): string {
  return `[left out: ${mediaType}, ${length} characters]`;
}

/** So long are those of the longest that together are enough; 0 if all of them are not. */
function leastToReplace(lengths: readonly number[], excess: number): number {
  let saved = 0;
  for (const length of lengths.toSorted((a, b) => b - a)) {
    saved += length - noteOf(length, "application/octet-stream").length;
    if (saved >= excess) return length;
  }
  return 0;
}

function shortenTexts(
  values: readonly Json[],
  excess: number,
  limit: number,
  tally: Tally,
): ReturnType<typeof shortenLongValues> {
  if (excess <= 0 || !Number.isFinite(limit)) return { values, shortened: tally.all };
  const least = Math.max(LEAST_TEXT, Math.floor(limit / SHARE_OF_LIMIT));
  const long: number[] = [];
  for (const value of values) {
    mapTexts(value, (text) => {
      if (text.length > least) long.push(text.length);
      return text;
    });
  }
  if (long.length === 0) return { values, shortened: tally.all };
  const length = lengthToKeep(long, excess, least);
  const shortened = values.map((value) =>
    mapTexts(value, (text) => {
      if (text.length <= length) return text;
      const kept = cutWithNote(text, length);
      tally.add(kept.length, text.length);
      return kept;
    }),
  );
  return { values: shortened, shortened: tally.all };
}

/** The greatest length to which all longer ones are cut that is enough, but not below the least. */
function lengthToKeep(lengths: readonly number[], excess: number, least: number): number {
  const longestFirst = lengths.toSorted((a, b) => b - a);
  let sum = 0;
  for (const [index, length] of longestFirst.entries()) {
    sum += length;
    const count = index + 1;
    const next = longestFirst[count] ?? least;
    // Cut to this, the longest of them save what is too much.
    const kept = Math.floor((sum - excess) / count);
    if (kept >= next) return kept;
  }
  return least;
}

/** At most `limit` code units, the note included, never half a surrogate pair. */
function cutWithNote(text: string, limit: number): string {
  const room = limit - `… [${text.length} of ${text.length} characters left out]`.length;
  const last = text.charCodeAt(room - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? room - 1 : room;
  return `${text.slice(0, end)}… [${text.length - end} of ${text.length} characters left out]`;
}

/** @returns what to put in place; `undefined` to leave it */
type BytesVisitor = (length: number, mediaType: string) => string | undefined;

/** The same value, but for bytes that `visit` puts something else in place of. */
function mapBytes(value: Json, visit: BytesVisitor, declared?: string): Json {
  if (typeof value === "string") return mapBytesIn(value, visit, declared);
  if (typeof value !== "object" || value === null || value instanceof Abridged) return value;
  if (Array.isArray(value)) {
    const list: readonly Json[] = value;
    if (list.length >= LEAST_BYTES && list.every((item) => typeof item === "number")) {
      const length = list.reduce<number>((sum, item) => sum + String(item).length + 1, 2);
      return visit(length, declared ?? `list of ${list.length} numbers`) ?? value;
    }
    return mapItems(list, (item) => mapBytes(item, visit, declared));
  }
  const named = mediaTypeKeys.map((key) => (value as JsonObject)[key]).find(isMediaType);
  // What a part says of its bytes holds for those further in as well: `{ type, source: { data } }`.
  return mapMembers(value as JsonObject, (member) => mapBytes(member, visit, named ?? declared));
}

function mapBytesIn(text: string, visit: BytesVisitor, declared: string | undefined): string {
  if (text.length < LEAST_BYTES) return text;
  let mapped = "";
  let end = 0;
  for (const bytes of bytesIn(text)) {
    const note = visit(
      bytes.end - bytes.start,
      bytes.mediaType ?? declared ?? mediaTypeAt(text, bytes.start),
    );
    if (note === undefined) continue;
    mapped += text.slice(end, bytes.start) + note;
    end = bytes.end;
  }
  return end === 0 ? text : mapped + text.slice(end);
}

function mediaTypeAt(text: string, start: number): string {
  return signatures.find(([signature]) => text.startsWith(signature, start))?.[1] ?? "base64";
}

function mapTexts(value: Json, visit: (text: string) => string): Json {
  if (typeof value === "string") return visit(value);
  if (typeof value !== "object" || value === null || value instanceof Abridged) return value;
  if (Array.isArray(value)) return mapItems(value, (item) => mapTexts(item, visit));
  return mapMembers(value as JsonObject, (member) => mapTexts(member, visit));
}

function isMediaType(name: Json | undefined): name is string {
  return typeof name === "string" && /^[\w.+/-]{1,64}$/.test(name);
}

type JsonObject = { readonly [key: string]: Json };

/** Copies only what changes. */
function mapItems(items: readonly Json[], map: (item: Json) => Json): Json {
  const mapped = items.map(map);
  return mapped.every((item, index) => Object.is(item, items[index])) ? (items as Json) : mapped;
}

function mapMembers(object: JsonObject, map: (member: Json) => Json): Json {
  const members = Object.entries(object).map(([key, member]): [string, Json] => [key, map(member)]);
  return members.every(([key, member]) => Object.is(member, object[key]))
    ? object
    : Object.fromEntries(members);
}
