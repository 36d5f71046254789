import { EventSourcingError } from "@es/core";
import { Abridged, MAX_JSON_DEPTH, tooDeepNote, withNotes } from "../attributes/abridged.js";
import { numberToJson } from "../attributes/attributeText.js";
import type { Json } from "../traceProjection.js";
import { type ShortenedValues, shortenLongValues } from "./longValues.js";

/** How much of a trace's content its projection keeps. Whatever is cut is flagged with how much there was. */
export interface ContentLimits {
  /** Characters (UTF-16 code units) of `input.text` and of `output.text`. @default 65 536 */
  readonly textCharacters: number;
  /** Characters of JSON of `input.messages` and of `output.messages`. @default 262 144 */
  readonly messagesCharacters: number;
  /** Messages in a list: the newest of an input, the first of an output stay. @default 1 000 */
  readonly messages: number;
  /** Tags. @default 100 */
  readonly tags: number;
  /** Metadata keys. @default 200 */
  readonly metadataKeys: number;
  /** Characters of JSON of one metadata value, and of one name, id, tag or error message. @default 8 192 */
  readonly valueCharacters: number;
  /** Distinct models, providers and services, each. @default 100 */
  readonly distinct: number;
}

export const defaultContentLimits: ContentLimits = {
  textCharacters: 65_536,
  messagesCharacters: 262_144,
  messages: 1_000,
  tags: 100,
  metadataKeys: 200,
  valueCharacters: 8_192,
  distinct: 100,
};

/** @throws EventSourcingError `INVALID_OPTIONS` */
export function readContentLimits(given: Partial<ContentLimits> = {}): ContentLimits {
  const limits = { ...defaultContentLimits, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new EventSourcingError(
      "INVALID_OPTIONS",
      `limits.${name} must be a whole number from 1, got ${value}.`,
    );
  }
  return limits;
}

/** At most `limit` code units, never half a surrogate pair. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? limit - 1 : limit);
}

export interface CutMessages {
  readonly messages: readonly Json[];
  /** Whether all is there. */
  readonly whole: boolean;
  /** Whether messages are missing, or the last to fit is but a part. */
  readonly dropped: boolean;
  /** Single long values in them that were shortened. */
  readonly shortened: ShortenedValues | undefined;
  readonly totalCharacters: number;
  /** Values nested too deeply, in all of them. */
  readonly tooDeep: number;
}

/**
 * Keeps messages while they fit, from the `end` that matters. Where they do not, single long values are shortened first,
 * see {@link shortenLongValues}; then the first message that does not fit is cut to what is left, and the others dropped.
 */
export function cutMessages(
  messages: readonly Json[],
  from: "start" | "end",
  limits: ContentLimits,
): CutMessages {
  const order = from === "start" ? messages : messages.toReversed();
  let totalCharacters = 0;
  let tooDeep = 0;
  let asked = 0;
  for (const [index, message] of order.entries()) {
    const { size, tooDeep: notes } = measureJson(message);
    totalCharacters += size;
    tooDeep += notes;
    if (index < limits.messages) asked += size;
  }
  const { values: short, shortened } = shortenLongValues(
    order.slice(0, limits.messages),
    asked - limits.messagesCharacters,
    limits.messagesCharacters,
  );
  const kept: Json[] = [];
  let left = limits.messagesCharacters;
  let dropped = order.length > limits.messages;
  for (const read of short) {
    const { size, tooDeep: notes } = measureJson(read);
    const message = notes === 0 ? read : withNotes(read);
    if (size <= left) {
      kept.push(message);
      left -= size;
      continue;
    }
    dropped = true;
    if (left > 0) kept.push(cutJson(message, left));
    break;
  }
  return {
    messages: from === "start" ? kept : kept.reverse(),
    whole: !dropped && shortened === undefined,
    dropped,
    shortened,
    totalCharacters,
    tooDeep,
  };
}

/** Characters a value takes in JSON, escapes aside. Made for comparing with a limit. */
export function jsonSize(value: Json): number {
  return measureJson(value).size;
}

/** {@link jsonSize}, and how many values in it were nested too deeply. */
export function measureJson(value: Json): { readonly size: number; readonly tooDeep: number } {
  let size = 0;
  let notes = 0;
  const open: Json[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === "string") size += next.length + 2;
    else if (typeof next !== "object" || next === null) size += String(next).length;
    else if (Array.isArray(next)) {
      size += 2 + next.length;
      for (const item of next) open.push(item);
    } else if (next instanceof Abridged) {
      size += next.text.length + 2;
      notes += next.tooDeep;
    } else {
      size += 2;
      for (const key of Object.keys(next)) {
        size += key.length + 4;
        open.push((next as Record<string, Json>)[key] as Json);
      }
    }
  }
  return { size, tooDeep: notes };
}

/** As much of a value as fits: strings are shortened, members that come after the limit are left out. */
export function cutJson(value: Json, limit: number): Json {
  return cut(value, { left: limit });
}

function cut(value: Json, budget: { left: number }): Json {
  if (typeof value === "string") {
    const kept = cutText(value, Math.max(0, budget.left - 2));
    budget.left -= kept.length + 2;
    return kept;
  }
  if (typeof value !== "object" || value === null) {
    budget.left -= String(value).length;
    return value;
  }
  budget.left -= 2;
  if (Array.isArray(value)) {
    const items: Json[] = [];
    for (const item of value as readonly Json[]) {
      if (budget.left <= 1) break;
      budget.left -= 1;
      items.push(cut(item, budget));
    }
    return items;
  }
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(value)) {
    if (budget.left <= key.length + 4) break;
    budget.left -= key.length + 4;
    members.push([key, cut(member, budget)]);
  }
  return Object.fromEntries(members);
}

/** A JSON value of a depth and with strings that every reader can take. What is nested too deeply is {@link Abridged}. */
export function sanitizeJson(value: unknown, depth = 0): Json {
  if (typeof value === "string") return value.toWellFormed();
  // JSON text may hold 1e999 and -0.
  if (typeof value === "number") return numberToJson(value);
  if (typeof value !== "object" || value === null) return value as Json;
  if (depth >= MAX_JSON_DEPTH) return tooDeepNote;
  if (Array.isArray(value)) return value.map((item) => sanitizeJson(item, depth + 1));
  const object = value as Readonly<Record<string, Json>>;
  const keys = Object.keys(object);
  const members = keys.map((key) => sanitizeJson(object[key], depth + 1));
  // Most need no copy, and one with keys of its own is dear. Of -0 and 0 `===` would not tell the difference.
  if (keys.every((key, index) => key.isWellFormed() && Object.is(members[index], object[key]))) return object;
  return Object.fromEntries(keys.map((key, index) => [key.toWellFormed(), members[index] as Json]));
}
