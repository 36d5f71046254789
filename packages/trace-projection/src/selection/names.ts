import type { OtlpSpan, Resource } from "@es/otlp";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions/incubating";
import { attributeToName } from "../attributes/attributeText.js";
import { candidateRules } from "../conventions/candidateRules.js";
import type { AttributeRule } from "../conventions/convention.js";
import { rules as allRules } from "../conventions/conventions.js";
import { nameBy, namesOf } from "../conventions/ruleValue.js";
import { FoldedSpan, oncePerSpan } from "../spans/foldedSpan.js";
import type { Provenance } from "../traceProjection.js";

/** The rules of a field that is a name. */
export type NameField = "models" | "providers" | "sessions" | "users";

/** The rules of a field of which only the first name of a trace counts. */
export type FirstNameField = NameField | "resourceSessions" | "resourceUsers" | "traceNames";

interface HasSpan {
  readonly span: OtlpSpan;
}

export interface FoundName {
  readonly value: string;
  readonly span: OtlpSpan;
  readonly key: string;
  readonly ruleId: string;
}

/** The names in a span, the one to take first. */
export function* namesIn(span: OtlpSpan, rules: readonly AttributeRule[]): Generator<FoundName, undefined> {
  for (const rule of candidateRules(span, rules)) {
    const value = nameBy(span, rule);
    if (value !== undefined) yield { value, span, key: rule.key, ruleId: rule.id };
  }
}

/** What the first rule says that finds a name in the span. */
export function firstNameIn(span: OtlpSpan, rules: readonly AttributeRule[]): FoundName | undefined {
  return firstNameReader(rules)(span);
}

type NameReader = (span: OtlpSpan) => FoundName | undefined;

const nameReaders: ReadonlyMap<readonly AttributeRule[], NameReader> = new Map(
  [
    allRules.models,
    allRules.providers,
    allRules.sessions,
    allRules.users,
    allRules.resourceSessions,
    allRules.resourceUsers,
    allRules.traceNames,
  ].map((rules) => [rules, oncePerSpan(readFirstName(rules))]),
);

function firstNameReader(rules: readonly AttributeRule[]): NameReader {
  return nameReaders.get(rules) ?? readFirstName(rules);
}

/** To ask so few rules takes less than to find those that may know something. */
const FEW_RULES = 4;

function readFirstName(rules: readonly AttributeRule[]): NameReader {
  return (span) => {
    for (const rule of rules.length <= FEW_RULES ? rules : candidateRules(span, rules)) {
      const value = nameBy(span, rule);
      if (value !== undefined) return { value, span, key: rule.key, ruleId: rule.id };
    }
    return undefined;
  };
}

/** All names of the model that a span used, the one to take first. */
export const modelsOf = oncePerSpan((span) => namesOf(span, allRules.models));

/** All names of the provider that a span used, the one to take first. */
export const providersOf = oncePerSpan((span) => namesOf(span, allRules.providers));

/** The first name over spans in this order. */
export function firstName(order: readonly HasSpan[], rules: readonly AttributeRule[]): FoundName | undefined {
  const read = firstNameReader(rules);
  const ofResource = rules.every(({ resource }) => resource === true);
  let asked: Resource | undefined;
  for (const { span } of order) {
    // Spans of one process mostly share a resource: it is asked once. Folded spans remember what they said.
    if (ofResource && !(span instanceof FoldedSpan)) {
      if (span.resource === asked) continue;
      asked = span.resource;
    }
    const found = read(span);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The names that spans have, one each, in order of first use. */
export function distinctNames(
  facts: readonly HasSpan[],
  rules: readonly AttributeRule[],
): Map<string, Provenance> {
  const values = new Map<string, Provenance>();
  const read = firstNameReader(rules);
  for (const { span } of facts) {
    const found = read(span);
    if (found === undefined || values.has(found.value)) continue;
    values.set(found.value, { spanId: span.spanId, key: found.key, ruleId: found.ruleId });
  }
  return values;
}

/** What a provider puts behind a model's name to say which version of it answered. */
const versionOfModel = /^[-@](\d{4}-\d\d-\d\d|20\d{6}|[01]\d[0-3]\d|0\d\d)(-v\d{1,9}(:\d{1,9})?)?$/;

/** Characters of the longest version. Names come from outside, as long as who sends them likes. */
const LONGEST_VERSION = 32;

/** Leaves out `gpt-4o` where `gpt-4o-2024-08-06` is: it is how that one was asked for. */
export function dropUndated(models: Map<string, Provenance>): Map<string, Provenance> {
  for (const undated of [...models.keys()].flatMap((name) => [...undatedOf(name)])) models.delete(undated);
  return models;
}

/** The names that a model with a version may have been asked for by. Only the end of the name is looked at. */
function* undatedOf(name: string): Generator<string, undefined> {
  const start = Math.max(0, name.length - LONGEST_VERSION);
  for (const separator of name.slice(start).matchAll(/[-@]/g)) {
    const index = start + separator.index;
    if (versionOfModel.test(name.slice(index))) yield name.slice(0, index);
  }
}

export const serviceOf = oncePerSpan(({ resource }) =>
  attributeToName(resource.attributes.get(ATTR_SERVICE_NAME)),
);

export const serviceRule = { key: ATTR_SERVICE_NAME, ruleId: "resource.service" } as const;

export function distinctServices(facts: readonly HasSpan[]): Map<string, Provenance> {
  const values = new Map<string, Provenance>();
  for (const { span } of facts) {
    const value = serviceOf(span);
    if (value === undefined || values.has(value)) continue;
    values.set(value, { spanId: span.spanId, ...serviceRule });
  }
  return values;
}
