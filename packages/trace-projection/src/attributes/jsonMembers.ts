import type { AttributeValue } from "@es/otlp";
import type { Json } from "../traceProjection.js";
import { attributeToJson } from "./attributeText.js";
import { pythonToJson } from "./pythonLiteral.js";

/** An attribute that is an object: JSON, as Python prints it, or structured. Undefined if it is none. */
export function attributeToObject(value: AttributeValue | undefined): JsonObject | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") return asObject(attributeToJson(value));
  if (!/^\s*\{/.test(value)) return undefined;
  return value.length > LONGEST_KEPT ? objectIn(value) : keptObject(value);
}

type JsonObject = { readonly [key: string]: Json };

/** Several rules read one attribute, one after the other: what was parsed last is kept for them. */
const LONGEST_KEPT = 8_192;
const MOST_KEPT = 32;
const kept = new Map<string, JsonObject | undefined>();

function keptObject(text: string): JsonObject | undefined {
  const known = kept.get(text);
  if (known !== undefined || kept.has(text)) return known;
  const object = objectIn(text);
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(text, object);
  return object;
}

function objectIn(text: string): JsonObject | undefined {
  return asObject(parse(text) ?? parse(pythonToJson(text)));
}

function parse(text: string | undefined): Json | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A member of an object, `a.b` for b of a, `a.0` for the first item of a. */
export function memberAt(object: JsonObject, path: string): Json | undefined {
  let at: Json | undefined = object;
  for (const step of stepsOf(path)) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as { readonly [key: string]: Json })[step];
  }
  return at;
}

const steps = new Map<string, readonly string[]>();

/** The paths are those of rules. */
function stepsOf(path: string): readonly string[] {
  let found = steps.get(path);
  if (found === undefined) {
    found = path.split(".");
    steps.set(path, found);
  }
  return found;
}

function asObject(value: Json | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}
