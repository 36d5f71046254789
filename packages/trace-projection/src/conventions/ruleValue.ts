import type { OtlpSpan } from "@es/otlp";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions/incubating";
import { attributeToName } from "../attributes/attributeText.js";
import { candidateRules } from "./candidateRules.js";
import type { AttributeRule, RuleCondition } from "./convention.js";

/** Whether a rule's condition, if it has one, holds for the span. */
export function holds(span: OtlpSpan, condition: RuleCondition | undefined): boolean {
  return condition === undefined || span.attributes.get(condition.key) === condition.value;
}

/** The name that a rule finds in a span. */
export function nameBy(span: OtlpSpan, rule: AttributeRule): string | undefined {
  const name = attributeToName(span.attributes.get(rule.key));
  if (name === undefined || rule.except?.includes(name) === true || !holds(span, rule.when)) return undefined;
  if (rule.exceptService === true && name === span.resource.attributes.get(ATTR_SERVICE_NAME))
    return undefined;
  return name;
}

/** Why an attribute that is there gives no name. */
export type NoNameReason = "empty" | "no-name" | "condition-not-met" | "says-nothing" | "names-service";

/** Why {@link nameBy} finds no name although the attribute is there; undefined if it is not, or gives one. */
export function whyNoName(span: OtlpSpan, rule: AttributeRule): NoNameReason | undefined {
  const value = span.attributes.get(rule.key);
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
