import { canonicalJson } from "@es/core/adapter";

/** A field in which two values differ. */
export interface FieldDifference {
  /** JSON pointer (RFC 6901); empty for the whole value. */
  readonly field: string;
  /** `undefined` where the field is not there. */
  readonly from: unknown;
  /** `undefined` where the field is not there. */
  readonly to: unknown;
}

/** The smallest parts of two values that differ, as `canonicalJson` sees them. Arrays are one part: their places are no names. */
export function fieldDifferences(from: unknown, to: unknown): readonly FieldDifference[] {
  const found: FieldDifference[] = [];
  compare(from, to, "", found);
  return found;
}

function compare(from: unknown, to: unknown, field: string, found: FieldDifference[]): void {
  if (isPlainObject(from) && isPlainObject(to)) {
    for (const key of [...new Set([...Object.keys(from), ...Object.keys(to)])].sort()) {
      compare(ownMember(from, key), ownMember(to, key), `${field}/${escapePointer(key)}`, found);
    }
  } else if (textOf(from) !== textOf(to)) {
    found.push({ field, from, to });
  }
}

/** A member that is `undefined` is not there, as in JSON. */
function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : canonicalJson(value);
}

function ownMember(value: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** An object whose JSON is made of its own members. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of any realm: the prototype is null or has none itself.
  return (prototype === null || Object.getPrototypeOf(prototype) === null) && !("toJSON" in value);
}

function escapePointer(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
