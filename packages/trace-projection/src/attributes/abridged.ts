import type { Json } from "../traceProjection.js";

/** Deeper values are replaced by a note: neither a stack nor a reader survives them. */
export const MAX_JSON_DEPTH = 64;

const TOO_DEEP = "[nested too deeply]";

/**
 * A text with notes in place of values that are nested too deeply. It stands among what was read as JSON, and is JSON like a
 * text, so that such a note and a text of somebody's that reads the same are two things until the notes are counted.
 */
export class Abridged {
  readonly text: string;
  /** How many values the notes stand for. */
  readonly tooDeep: number;

  constructor(text: string, tooDeep: number) {
    this.text = text;
    this.tooDeep = tooDeep;
  }

  toJSON(): string {
    return this.text;
  }
}

/** In place of one value. */
export const tooDeepNote = asJson(new Abridged(TOO_DEEP, 1));

function asJson(abridged: Abridged): Json {
  return abridged as unknown as Json;
}

/** Whether JSON text may hold notes. */
export function mayBeAbridged(text: string): boolean {
  return text.includes(TOO_DEEP);
}

/** A value as a text that is JSON, but for a value that is a text itself. */
export function abridgedText(value: Json): string | Abridged {
  if (typeof value === "string") return value;
  const text = JSON.stringify(value);
  const count = mayBeAbridged(text) ? countTooDeep(value) : 0;
  return count === 0 ? text : new Abridged(text, count);
}

/** {@link abridgedText} as a value among others. */
export function abridgedJson(value: Json): Json {
  const text = abridgedText(value);
  return typeof text === "string" ? text : asJson(text);
}

/** How many values in it were replaced. */
export function countTooDeep(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  if (value instanceof Abridged) return value.tooDeep;
  let count = 0;
  for (const member of Object.values(value)) count += countTooDeep(member);
  return count;
}

/** The same with its notes as the texts they are. */
export function withNotes(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Abridged) return value.text;
  if (Array.isArray(value)) return value.map(withNotes);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withNotes(member)]));
}
