import type { OtlpSpan } from "@es/otlp";
import { Abridged, abridgedJson, abridgedText } from "../attributes/abridged.js";
import { attributeToJson } from "../attributes/attributeText.js";
import { sanitizeJson } from "../content/contentLimits.js";
import { isObject } from "../content/messages.js";
import { candidateRules } from "../conventions/candidateRules.js";
import { rules } from "../conventions/conventions.js";
import { FoldedSpan, oncePerSpan } from "../spans/foldedSpan.js";
import type { Json } from "../traceProjection.js";

/** @param tooDeep values in the tag that were nested too deeply */
type TagVisitor = (tag: string, rule: { readonly id: string; readonly key: string }, tooDeep: number) => void;

/** Calls `visit` with each tag of a span, in the order in which they count. */
export function visitTags(span: OtlpSpan, visit: TagVisitor): void {
  for (const { tag, rule, tooDeep = 0 } of tagsOf(span)) visit(tag, rule, tooDeep);
}

const sharing = { shares: true } as const;

interface FoundTag {
  readonly tag: string;
  readonly tooDeep?: number;
  readonly rule: Parameters<TagVisitor>[1];
}

const noTags: readonly FoundTag[] = [];

const tagsOf = oncePerSpan((span): readonly FoundTag[] => {
  const found = candidateRules(span, rules.tags).flatMap((rule) =>
    tagsIn(span, rule.key).map((tag) => ({ ...tag, rule })),
  );
  return found.length === 0 ? noTags : found;
}, sharing);

function tagsIn(span: OtlpSpan, key: string): readonly Omit<FoundTag, "rule">[] {
  const value = span.attributes.get(key);
  if (value === undefined || value === null || value === "") return [];
  let list: Json = attributeToJson(value);
  if (typeof list === "string" && list.startsWith("[")) list = parseOr(list, list);
  const items: readonly Json[] = Array.isArray(list) ? list : [list];
  return items
    .filter((item) => item !== null && item !== "")
    .map(abridgedText)
    .map((tag) => (tag instanceof Abridged ? { tag: tag.text, tooDeep: tag.tooDeep } : { tag }));
}

type MetadataVisitor = (
  key: string,
  value: () => Json,
  rule: { readonly id: string; readonly key: string },
) => void;

/** Calls `visit` with each key and how to read its value, in the order in which the values count. */
export function visitMetadata(span: OtlpSpan, visit: MetadataVisitor): void {
  if (span instanceof FoldedSpan) {
    for (const { key, value, rule } of metadataOf(span)) visit(key, () => value, rule);
  } else readMetadata(span, visit);
}

interface FoundMetadata {
  readonly key: string;
  readonly value: Json;
  readonly rule: Parameters<MetadataVisitor>[2];
}

const noMetadata: readonly FoundMetadata[] = [];

const metadataOf = oncePerSpan((span): readonly FoundMetadata[] => {
  const found: FoundMetadata[] = [];
  readMetadata(span, (key, readValue, rule) => found.push({ key, value: readValue(), rule }));
  return found.length === 0 ? noMetadata : found;
}, sharing);

function readMetadata(span: OtlpSpan, visit: MetadataVisitor): void {
  for (const rule of candidateRules(span, rules.metadata)) {
    if (rule.from === "attribute") {
      const value = span.attributes.get(rule.key);
      if (value === undefined || value === null) continue;
      const json = typeof value === "string" ? parseOr(value, null) : attributeToJson(value);
      if (isObject(json)) {
        for (const [key, member] of Object.entries(json)) visit(key, () => member, rule);
      } else if (value !== "") {
        visit(
          rule.key,
          () => (typeof value === "string" ? value.toWellFormed() : abridgedJson(attributeToJson(value))),
          rule,
        );
      }
    } else {
      const start = `${rule.key}.`;
      for (const [key, value] of span.attributes) {
        if (!key.startsWith(start)) continue;
        const name = key.slice(start.length);
        if (name === "" || rule.except.includes(name)) continue;
        visit(name.toWellFormed(), () => attributeToJson(value), { id: rule.id, key });
      }
    }
  }
}

function parseOr(text: string, fallback: Json): Json {
  try {
    return sanitizeJson(JSON.parse(text));
  } catch {
    return fallback;
  }
}
