import type { AttributeValue } from "@es/otlp";
import type { Json } from "../traceProjection.js";
import { attributeToJson } from "./attributeText.js";
import { pythonToJson } from "./pythonLiteral.js";

/** An attribute that is an object: JSON, as Python prints it, or structured. Undefined if it is none. */
export function attributeToObject(
  value: AttributeValue | undefined,
): { readonly [key: string]: Json } | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") return asObject(attributeToJson(value));
  if (!/^\s*\{/.test(value)) return undefined;
  return asObject(parse(value) ?? parse(pythonToJson(value)));
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
export function memberAt(object: { readonly [key: string]: Json }, path: string): Json | undefined {
  let at: Json | undefined = object;
  for (const step of path.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as { readonly [key: string]: Json })[step];
  }
  return at;
}

function asObject(value: Json | undefined): { readonly [key: string]: Json } | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json })
    : undefined;
}
