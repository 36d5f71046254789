import type { AttributeValue, OtlpSpan } from "@es/otlp";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions/incubating";
import { attributeToName } from "../attributes/attributeText.js";
import { attributeToObject, memberAt } from "../attributes/jsonMembers.js";
import { candidateRules } from "./candidateRules.js";
import type { AttributeRule, RuleCondition } from "./convention.js";

/** Whether a rule's condition, if it has one, holds for the span. */
export function holds({ attributes }: OtlpSpan, condition: RuleCondition | undefined): boolean {
  if (condition === undefined) return true;
  const value = attributes.get(condition.key);
  if ("value" in condition) return value === condition.value;
  return (value !== undefined && value !== null) === (condition.is === "present");
}

/** The attribute of a rule, or the member of it that the rule names. */
export function ruleValue(
  { attributes, resource }: OtlpSpan,
  rule: Pick<AttributeRule, "key" | "member" | "resource">,
): AttributeValue | undefined {
  const { key, member } = rule;
  // Most rules: they are asked for every span.
  if (member === undefined && rule.resource === undefined) return attributes.get(key);
  const value = (rule.resource === true ? resource.attributes : attributes).get(key);
  if (member === undefined || value === undefined) return value;
  const object = attributeToObject(value);
  const found = object === undefined ? undefined : memberAt(object, member);
  return typeof found === "object" ? undefined : found;
}

/** The name that a rule finds in a span. */
export function nameBy(span: OtlpSpan, rule: AttributeRule): string | undefined {
  const name = attributeToName(ruleValue(span, rule));
  if (name === undefined || rule.except?.includes(name) === true || !holds(span, rule.when)) return undefined;
  if (rule.exceptService === true && name === span.resource.attributes.get(ATTR_SERVICE_NAME))
    return undefined;
  return name;
}

/** Why an attribute that is there gives no name. */
export type NoNameReason = "empty" | "no-name" | "condition-not-met" | "says-nothing" | "names-service";

/** Why {@link nameBy} finds no name although the attribute is there; undefined if it is not, or gives one. */
export function whyNoName(span: OtlpSpan, rule: AttributeRule): NoNameReason | undefined {
  const value = ruleValue(span, rule);
  if (value === undefined || value === null || nameBy(span, rule) !== undefined) return undefined;
  if (value === "") return "empty";
  const name = attributeToName(value);
  if (name === undefined) return "no-name";
  if (!holds(span, rule.when)) return "condition-not-met";
  return rule.except?.includes(name) === true ? "says-nothing" : "names-service";
}

/** The distinct names that rules find in a span, in their order. */
export function namesOf(span: OtlpSpan, rules: readonly AttributeRule[]): readonly string[] {
  const names: string[] = [];
  for (const rule of candidateRules(span, rules)) {
    const name = nameBy(span, rule);
    if (name !== undefined && !names.includes(name)) names.push(name);
  }
  return names;
}
