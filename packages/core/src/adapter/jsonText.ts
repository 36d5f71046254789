import { isSorted, quotedKey } from "./canonicalJson.js";

/** Deeper than this nothing that people wrote is; what recurses over it later must not run out of stack. */
export const MAX_JSON_DEPTH = 500;

/**
 * Returns the JSON text of a value, keys sorted, or refuses the value: `JSON.parse` of the text equals what was given.
 *
 * JSON values are strings, finite numbers (-0 too), booleans, `null`, arrays and plain objects of these. A member that is
 * `undefined` counts as absent. Everything else is refused: what JSON would drop, round or turn into something else.
 * An object of a null prototype comes back as a plain one with the same members.
 *
 * @param name what the value is, such as `data`: where the path in the message begins
 * @throws TypeError with the path to the value that is none, such as `data.items[2].price is a bigint`
 */
export function jsonText(value: unknown, name: string): string {
  try {
    return textOf(value, []);
  } catch (error) {
    // Told only now where it is: to keep the path of each value would cost more than to write it.
    if (error === NO_JSON)
      throw new TypeError(faultIn(value, name, []) ?? `${name} changed while it was read.`);
    throw error;
  }
}

/** Thrown where there is no JSON, without a stack: it never leaves. */
const NO_JSON = Symbol("no JSON");

function textOf(value: unknown, ancestors: object[]): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw NO_JSON;
      return value === 0 && Object.is(value, -0) ? "-0" : String(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? textOfArray(value, ancestors) : textOfObject(value, ancestors);
    default:
      throw NO_JSON;
  }
}

function textOfArray(value: readonly unknown[], ancestors: object[]): string {
  if (!isPlainArray(value)) throw NO_JSON;
  enter(value, ancestors);
  let items = "";
  for (let place = 0; place < value.length; place++) {
    // What is missing, too, reads as undefined, which is refused.
    items += place === 0 ? textOf(value[place], ancestors) : `,${textOf(value[place], ancestors)}`;
  }
  ancestors.pop();
  return `[${items}]`;
}

function textOfObject(value: object, ancestors: object[]): string {
  if (!isPlainObject(value)) throw NO_JSON;
  enter(value, ancestors);
  const keys = Object.keys(value);
  if (!isSorted(keys)) keys.sort();
  let members = "";
  for (const key of keys) {
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    members += `${members === "" ? "" : ","}${quotedKey(key)}${textOf(member, ancestors)}`;
  }
  ancestors.pop();
  return `{${members}}`;
}

function enter(value: object, ancestors: object[]): void {
  if (ancestors.length >= MAX_JSON_DEPTH || ancestors.includes(value)) throw NO_JSON;
  ancestors.push(value);
}

/** Plain objects of any realm: the prototype is null or has none itself. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null)
    return false;
  return Object.getOwnPropertySymbols(value).length === 0;
}

/** Without members beside its items, such as those of a match of a regular expression. */
function isPlainArray(value: readonly unknown[]): boolean {
  for (const key in value) if (!isIndex(key)) return false;
  return true;
}

function isIndex(key: string): boolean {
  const first = key.charCodeAt(0);
  return first >= 48 && first <= 57;
}

/** Says what in a value is no JSON, and where; `undefined` if nothing. */
function faultIn(value: unknown, path: string, ancestors: readonly object[]): string | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `${path} is ${value}, which JSON cannot hold.`;
    case "undefined":
      return `${path} is undefined, which JSON cannot hold there.`;
    case "object":
      return value === null ? undefined : faultInObject(value, path, ancestors);
    default:
      return `${path} is a ${typeof value}, which JSON cannot hold.`;
  }
}

function faultInObject(value: object, path: string, ancestors: readonly object[]): string | undefined {
  if (ancestors.includes(value)) return `${path} holds itself, which JSON cannot hold.`;
  if (ancestors.length >= MAX_JSON_DEPTH) return `${path} is nested deeper than ${MAX_JSON_DEPTH} levels.`;
  const inside = [...ancestors, value];
  if (Array.isArray(value)) {
    if (!isPlainArray(value)) return `${path} is an array with members of its own, which JSON would drop.`;
    for (let place = 0; place < value.length; place++) {
      if (!(place in value)) return `${path}[${place}] is missing, which JSON would turn into null.`;
      const fault = faultIn(value[place], `${path}[${place}]`, inside);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  if (!isPlainObject(value)) {
    if (Object.getOwnPropertySymbols(value).length > 0)
      return `${path} has a symbol as a key, which JSON would drop.`;
    return `${path} is a ${nameOf(value)}, which would not come back from JSON as one.`;
  }
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const fault = faultIn(member, memberPath(path, key), inside);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What a path shows of one key. */
const MAX_KEY_LENGTH = 64;

function memberPath(path: string, key: string): string {
  if (key.length <= MAX_KEY_LENGTH && /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key)) return `${path}.${key}`;
  const shown = key.length <= MAX_KEY_LENGTH ? key : `${key.slice(0, MAX_KEY_LENGTH)}…`;
  return `${path}[${JSON.stringify(shown.toWellFormed())}]`;
}

function nameOf(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? name : "special object";
}
