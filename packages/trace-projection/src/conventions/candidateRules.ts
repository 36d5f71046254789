import type { Attributes, OtlpSpan } from "@es/otlp";
import { ATTR_HTTP_METHOD, ATTR_HTTP_REQUEST_METHOD } from "@opentelemetry/semantic-conventions/incubating";
import type { AttributeRule, ContentRule, CostRule, FirstTokenRule, MetadataRule } from "./convention.js";
import { rules } from "./conventions.js";

/** A rule that finds nothing in a span without the attribute, or the event, that it is about. */
export type IndexedRule = AttributeRule | ContentRule | CostRule | FirstTokenRule | MetadataRule;

/** What has to be there: one of these attributes, one whose key begins like this, any event, or nothing of the span itself. */
type Need = { readonly keys: readonly string[] } | { readonly prefix: string } | "events" | "nothing";

/** What the keys of a span's attributes have to do with rules. The spans of one instrumentation mostly share one. */
interface Shape {
  readonly hasEvents: boolean;
  readonly exact: ReadonlySet<string>;
  readonly prefixes: ReadonlySet<string>;
  /** With one more key. */
  readonly next: Map<KeyUse, Shape>;
  /** By list of rules: those of them that may find something. */
  readonly candidates: Map<readonly IndexedRule[], readonly IndexedRule[]>;
}

/** What one key has to do with rules. Keys below one prefix share one. */
interface KeyUse {
  readonly exact: string | undefined;
  readonly prefixes: readonly string[];
}

/** Attributes have as many keys as who sends them likes: what is remembered of them is forgotten when it is this much. */
const MAX_KEYS = 10_000;
const MAX_KEY_LENGTH = 256;
const MAX_SHAPES = 2_000;

const needed = neededBy(Object.values(rules).flat() as readonly IndexedRule[]);

let useOfKey = new Map<string, KeyUse | null>();
const uses = new Map<string, KeyUse>();
let shapes = 0;
let withoutKeys = { events: newShape(true), none: newShape(false) };
let shapeOf = new WeakMap<Attributes, Shape>();

/**
 * The rules of a list that may find something in the span, in their order: asking only these says the same as asking all,
 * and takes time by what the span holds, not by how many rules there are.
 *
 * @param list one that stays: what it comes to is remembered
 */
export function candidateRules<TRule extends IndexedRule>(
  { attributes, events }: OtlpSpan,
  list: readonly TRule[],
): readonly TRule[] {
  let shape = shapeOf.get(attributes);
  if (shape === undefined || shape.hasEvents !== events.length > 0) {
    shape = findShape(attributes, events.length > 0);
    shapeOf.set(attributes, shape);
  }
  let candidates = shape.candidates.get(list);
  if (candidates === undefined) {
    const { exact, prefixes, hasEvents } = shape;
    candidates = list.filter((rule) => {
      const need = needOf(rule);
      if (need === "events") return hasEvents;
      if (need === "nothing") return true;
      return "prefix" in need ? prefixes.has(need.prefix) : need.keys.some((key) => exact.has(key));
    });
    shape.candidates.set(list, candidates);
  }
  return candidates as readonly TRule[];
}

function findShape(attributes: Attributes, hasEvents: boolean): Shape {
  if (shapes > MAX_SHAPES) forget();
  let shape = hasEvents ? withoutKeys.events : withoutKeys.none;
  for (const key of attributes.keys()) {
    let use = useOfKey.get(key);
    if (use === undefined) use = rememberUse(key);
    if (use === null) continue;
    let next = shape.next.get(use);
    if (next === undefined) {
      next = withKey(shape, use);
      shape.next.set(use, next);
    }
    shape = next;
  }
  return shape;
}

function forget(): void {
  shapes = 0;
  withoutKeys = { events: newShape(true), none: newShape(false) };
  shapeOf = new WeakMap();
}

function rememberUse(key: string): KeyUse | null {
  if (useOfKey.size >= MAX_KEYS) useOfKey = new Map();
  const use = findUse(key);
  if (key.length <= MAX_KEY_LENGTH) useOfKey.set(key, use);
  return use;
}

function findUse(key: string): KeyUse | null {
  const exact = needed.exact.has(key) ? key : undefined;
  const prefixes = needed.prefixes.filter((prefix) => key.startsWith(prefix));
  if (exact === undefined && prefixes.length === 0) return null;
  const name = JSON.stringify([exact, prefixes]);
  let use = uses.get(name);
  if (use === undefined) {
    use = { exact, prefixes };
    uses.set(name, use);
  }
  return use;
}

function newShape(hasEvents: boolean): Shape {
  return { hasEvents, exact: new Set(), prefixes: new Set(), next: new Map(), candidates: new Map() };
}

function withKey(shape: Shape, { exact, prefixes }: KeyUse): Shape {
  const isKnown =
    (exact === undefined || shape.exact.has(exact)) && prefixes.every((prefix) => shape.prefixes.has(prefix));
  if (isKnown) return shape;
  shapes++;
  return {
    ...newShape(shape.hasEvents),
    exact: exact === undefined ? shape.exact : new Set([...shape.exact, exact]),
    prefixes: prefixes.length === 0 ? shape.prefixes : new Set([...shape.prefixes, ...prefixes]),
  };
}

function neededBy(all: readonly IndexedRule[]) {
  const exact = new Set<string>();
  const prefixes = new Set<string>();
  for (const rule of all) {
    const need = needOf(rule);
    if (need === "events" || need === "nothing") continue;
    if ("prefix" in need) prefixes.add(need.prefix);
    else for (const key of need.keys) exact.add(key);
  }
  return { exact, prefixes: [...prefixes] };
}

function needOf(rule: IndexedRule): Need {
  if ("source" in rule) return needOfContent(rule);
  if ("resource" in rule && rule.resource === true) return "nothing";
  if ("keys" in rule) return { keys: rule.keys };
  if ("from" in rule && rule.from === "event") return "events";
  if ("from" in rule && rule.from === "prefix") return { prefix: `${rule.key}.` };
  return { keys: [rule.key] };
}

function needOfContent({ source }: ContentRule): Need {
  switch (source.from) {
    case "attribute":
      return { keys: [source.key] };
    case "indexed":
    case "indexedText":
      return { prefix: `${source.key}.` };
    case "messageEvents":
    case "event":
      return "events";
    case "http":
      return { keys: [ATTR_HTTP_REQUEST_METHOD, ATTR_HTTP_METHOD] };
  }
}
