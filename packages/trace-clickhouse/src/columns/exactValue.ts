import type { Attributes, AttributeValue } from "@es/otlp";
import { attributeToText } from "@es/trace-projection";

/**
 * An attribute value in JSON, type and value exact. A string is itself; other types are an object of one member, named
 * after the type.
 */
export type ExactValue =
  | string
  | null
  | boolean
  | { readonly int: string }
  | { readonly double: number | string }
  | { readonly bytes: string }
  | { readonly list: readonly ExactValue[] }
  | { readonly map: readonly (readonly [string, ExactValue])[] };

/** What a `Map(String, String)` column loses of attributes. */
export interface ExactAttributes {
  /** The values that are no strings. */
  readonly values?: readonly (readonly [string, ExactValue])[];
  /** All keys in order, where a JSON object would not keep it. */
  readonly order?: readonly string[];
}

/** {@link ExactAttributes} as they are read. */
export interface TypedAttributes {
  readonly values?: ReadonlyMap<string, AttributeValue>;
  readonly order?: readonly string[];
}

export function toExactValue(value: AttributeValue): ExactValue {
  if (typeof value === "bigint") return { int: String(value) };
  if (typeof value === "number") {
    return {
      double:
        Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? "-0" : String(value),
    };
  }
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) {
    return { bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (isMap(value)) return { map: [...value].map(([key, member]) => [key, toExactValue(member)]) };
  return { list: value.map(toExactValue) };
}

/** @throws TypeError for what `toExactValue` does not give */
export function readExactValue(value: unknown): AttributeValue {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  const types = typeof value === "object" ? Object.keys(value) : [];
  const [type] = types;
  if (type === undefined || types.length > 1) throw notExact(value);
  const content = (value as Record<string, unknown>)[type];
  switch (type) {
    case "int":
      if (typeof content === "string" && /^-?\d{1,19}$/.test(content)) {
        const int = BigInt(content);
        if (BigInt.asIntN(64, int) === int) return int;
      }
      break;
    case "double":
      if (typeof content === "number") return content;
      if (typeof content === "string" && /^(?:-0|NaN|-?Infinity)$/.test(content)) return Number(content);
      break;
    case "bytes":
      if (typeof content === "string") return Uint8Array.from(Buffer.from(content, "base64"));
      break;
    case "list":
      if (Array.isArray(content)) return content.map(readExactValue);
      break;
    case "map":
      if (Array.isArray(content)) return new Map(content.map(readExactMember));
      break;
  }
  throw notExact(value);
}

function readExactMember(member: unknown): [string, AttributeValue] {
  if (!Array.isArray(member) || member.length !== 2 || typeof member[0] !== "string") throw notExact(member);
  return [member[0], readExactValue(member[1])];
}

function notExact(value: unknown): TypeError {
  return new TypeError(`an exact value, not ${JSON.stringify(value)?.slice(0, 64)}`);
}

/** Keys that a JavaScript object moves to its front. */
export const indexLike = /^(0|[1-9]\d{0,9})$/;

/** The attributes as a `Map(String, String)` has them, and what that loses; undefined if nothing. */
export function splitAttributes(attributes: Attributes): {
  readonly texts: Readonly<Record<string, string>>;
  readonly exact: ExactAttributes | undefined;
} {
  const texts: [string, string][] = [];
  let values: [string, ExactValue][] | undefined;
  let reordered = false;
  for (const [key, value] of attributes) {
    if (typeof value === "string") texts.push([key, value]);
    else {
      texts.push([key, attributeToText(value)]);
      values ??= [];
      values.push([key, toExactValue(value)]);
    }
    if (!reordered && indexLike.test(key)) reordered = true;
  }
  const exact =
    values === undefined && !reordered
      ? undefined
      : {
          ...(values === undefined ? {} : { values }),
          ...(reordered ? { order: [...attributes.keys()] } : {}),
        };
  return { texts: Object.fromEntries(texts), exact };
}

/**
 * The attributes that a `Map(String, String)` has, with their types. The map may become part of what it returns.
 *
 * @throws TypeError for what `splitAttributes` does not give
 */
export function typeAttributes(texts: Map<string, string>, typed: TypedAttributes | undefined): Attributes {
  if (typed === undefined) return texts;
  const attributes: Map<string, AttributeValue> = texts;
  for (const [key, value] of typed.values ?? []) {
    // Setting keeps the place of a key.
    if (attributes.has(key)) attributes.set(key, value);
  }
  if (typed.order === undefined) return attributes;
  return new Map(
    typed.order.map((key) => {
      const value = attributes.get(key);
      if (value === undefined) throw new TypeError(`no attribute ${JSON.stringify(key.slice(0, 64))}`);
      return [key, value];
    }),
  );
}

function isMap(value: object): value is Attributes {
  return value instanceof Map;
}
