import type { Attributes } from "@es/otlp";
import type { Json } from "../traceProjection.js";
import { MAX_JSON_DEPTH } from "./abridged.js";
import { attributeToJson } from "./attributeText.js";

interface Branch {
  value?: Json;
  children?: Map<string, Branch>;
}

const index = /^\d{1,9}$/;

/**
 * Rebuilds the list that was flattened into `prefix.0.role`, `prefix.0.content`, `prefix.1.role`, … Items may have
 * different keys, indexes may have gaps, items may hold lists of their own. Undefined if there is no such key.
 */
export function readIndexedList(attributes: Attributes, prefix: string): readonly Json[] | undefined {
  const root: Branch = {};
  const start = `${prefix}.`;
  for (const [key, value] of attributes) {
    if (!key.startsWith(start)) continue;
    const path = key.slice(start.length).split(".");
    if (!index.test(path[0] ?? "") || path.length > MAX_JSON_DEPTH) continue;
    let branch = root;
    for (const step of path) {
      branch.children ??= new Map();
      let next = branch.children.get(step);
      if (next === undefined) {
        next = {};
        branch.children.set(step, next);
      }
      branch = next;
    }
    branch.value = attributeToJson(value);
  }
  if (root.children === undefined) return undefined;
  const list = toJson(root);
  return Array.isArray(list) ? list : undefined;
}

function toJson(branch: Branch): Json {
  if (branch.children === undefined) return branch.value ?? null;
  const members = [...branch.children];
  if (branch.value === undefined && members.every(([key]) => index.test(key))) {
    return members.sort(([a], [b]) => Number(a) - Number(b)).map(([, child]) => toJson(child));
  }
  const object = members.map(([key, child]): [string, Json] => [key.toWellFormed(), toJson(child)]);
  // A key that is both a value and a parent keeps its value under the empty name.
  return Object.fromEntries(branch.value === undefined ? object : [["", branch.value], ...object]);
}
