import type { AttributeValue } from "@es/otlp";
import type { Json } from "../traceProjection.js";
import { type Abridged, abridgedText, MAX_JSON_DEPTH, tooDeepNote } from "./abridged.js";

/**
 * An attribute as a JSON value. int64 beyond 2⁵³ and non-finite doubles become strings, bytes become base64, so that
 * nothing is rounded. What is nested too deeply is {@link Abridged}.
 */
export function attributeToJson(value: AttributeValue, depth = 0): Json {
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (typeof value === "number") return numberToJson(value);
  if (typeof value === "string") return value.toWellFormed();
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  }
  if (depth >= MAX_JSON_DEPTH) return tooDeepNote;
  if (isMap(value)) {
    return Object.fromEntries(
      [...value].map(([key, member]) => [key.toWellFormed(), attributeToJson(member, depth + 1)]),
    );
  }
  return value.map((member) => attributeToJson(member, depth + 1));
}

/** A double as JSON has it: −0 is 0 there, and what is not finite has no number. */
export function numberToJson(value: number): number | string {
  return Number.isFinite(value) ? value + 0 : String(value);
}

/** An attribute as text: strings as they are, structured values as JSON. */
export function attributeToText(value: AttributeValue): string {
  const text = attributeToAbridged(value);
  return typeof text === "string" ? text : text.text;
}

/** {@link attributeToText} that tells of what is nested too deeply. */
export function attributeToAbridged(value: AttributeValue): string | Abridged {
  return typeof value === "string" ? value : abridgedText(attributeToJson(value));
}

/** A non-empty identifier: an id, a model, a provider. An empty one names nothing and counts as absent. */
export function attributeToName(value: AttributeValue | undefined): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value.toWellFormed();
  return typeof value === "object" ? undefined : String(value);
}

/** Zero or more, as int64, double or numeric string; undefined for anything else. */
export function attributeToNumber(value: AttributeValue | undefined): number | undefined {
  const number =
    typeof value === "number"
      ? value
      : typeof value === "bigint"
        ? Number(value)
        : typeof value === "string" && /^\s*\d+(\.\d+)?([eE][+-]?\d+)?\s*$/.test(value)
          ? Number(value)
          : Number.NaN;
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** A number of tokens: whole, at most 2⁵³ − 1. */
export function attributeToCount(value: AttributeValue | undefined): number | undefined {
  const number = attributeToNumber(value);
  return number === undefined ? undefined : Math.min(Math.round(number), Number.MAX_SAFE_INTEGER);
}

function isMap(value: object): value is ReadonlyMap<string, AttributeValue> {
  return value instanceof Map;
}
