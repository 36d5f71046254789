import type { OtlpSpan } from "@es/otlp";
import { attributeToText } from "../attributes/attributeText.js";
import { cutText } from "../content/contentLimits.js";
import type { AttributeRule } from "../conventions/convention.js";
import { ruleValue, whyNoName } from "../conventions/ruleValue.js";
import {
  distinctNames,
  distinctServices,
  dropUndated,
  type FoundName,
  firstName,
  firstNameIn,
  namesIn,
  serviceOf,
  serviceRule,
} from "../selection/names.js";
import { visitMetadata, visitTags } from "../selection/tagsAndMetadata.js";
import type { Json, Provenance } from "../traceProjection.js";
import { afterRoot, type ExplainedTrace, type FoundValue, fieldOf, Losers } from "./explainField.js";
import type { FieldExplanation } from "./traceExplanation.js";

export function explainName(
  of: ExplainedTrace,
  field: "sessionId" | "userId",
  rules: readonly AttributeRule[],
  resourceRules: readonly AttributeRule[],
): FieldExplanation {
  const losers = new Losers(of);
  let winner: FoundName | undefined;
  for (const tried of [rules, resourceRules]) {
    const before = winner;
    for (const { span } of of.trace.rootFirst) {
      for (const found of namesIn(span, tried)) {
        if (winner === undefined) winner = found;
        else
          losers.add(
            found,
            before === undefined ? afterRoot(of, winner.span, span) : "lower-precedence-rule",
          );
      }
    }
  }
  addNameless(
    losers,
    of.trace.rootFirst.map(({ span }) => span),
    [...rules, ...resourceRules],
  );
  return fieldOf(of, field, of.projection[field], { winner, losers });
}

function addNameless(losers: Losers, spans: readonly OtlpSpan[], rules: readonly AttributeRule[]): void {
  for (const span of spans) {
    for (const rule of rules) {
      const reason = whyNoName(span, rule);
      if (reason === undefined) continue;
      losers.add({ span, key: rule.key, ruleId: rule.id, value: textIn(span, rule) }, reason);
    }
  }
}

/** `models`, `providers` or `otherSessionIds` as a list, then each of its items. */
export function explainNames(
  of: ExplainedTrace,
  field: "models" | "providers" | "otherSessionIds",
  rules: readonly AttributeRule[],
): readonly FieldExplanation[] {
  const named = distinctNames(of.trace.facts, rules);
  const kept = field === "models" ? dropUndated(new Map(named)) : new Map(named);
  // Named by others too, it is no other.
  const session = field === "otherSessionIds" ? firstName(of.trace.rootFirst, rules)?.value : undefined;
  if (session !== undefined) kept.delete(session);
  const list = new DistinctList(of, field, kept);
  for (const { span } of of.trace.facts) {
    const first = firstNameIn(span, rules);
    for (const found of namesIn(span, rules)) {
      if (found.ruleId !== first?.ruleId) list.lost(found, "lower-precedence-rule");
      else if (found.value === session) continue;
      else if (!kept.has(found.value)) list.lost(found, "undated-name");
      else list.add(found);
    }
  }
  addNameless(list.losers, of.tree.spans, rules);
  return list.fields();
}

export function explainServices(of: ExplainedTrace): readonly FieldExplanation[] {
  const list = new DistinctList(of, "services", distinctServices(of.trace.facts));
  for (const span of of.tree.spans) {
    const value = serviceOf(span);
    if (value !== undefined) list.add({ span, ...serviceRule, value });
  }
  return list.fields();
}

/** The items of a list with what gave each, and what is no item of it. */
class DistinctList {
  readonly losers: Losers;
  readonly #of: ExplainedTrace;
  readonly #field: "models" | "providers" | "otherSessionIds" | "services";
  readonly #items: Map<string, { readonly winner: FoundValue | undefined; readonly losers: Losers }>;

  constructor(
    of: ExplainedTrace,
    field: "models" | "providers" | "otherSessionIds" | "services",
    kept: ReadonlyMap<string, Provenance>,
  ) {
    this.#of = of;
    this.#field = field;
    this.losers = new Losers(of);
    this.#items = new Map(
      [...kept.keys()]
        .slice(0, of.limits.distinct)
        .map((name) => [name, { winner: undefined, losers: new Losers(of) }]),
    );
  }

  add(found: FoundValue & { readonly value: string }): void {
    const item = this.#items.get(found.value);
    if (item === undefined) this.losers.add(found, "over-limit");
    else if (item.winner === undefined) this.#items.set(found.value, { ...item, winner: found });
    else item.losers.add(found, "repeated");
  }

  lost(found: FoundValue, reason: "lower-precedence-rule" | "undated-name"): void {
    this.losers.add(found, reason);
  }

  fields(): readonly FieldExplanation[] {
    const values = this.#of.projection[this.#field];
    const items = [...this.#items.values()].map((item, index) =>
      fieldOf(this.#of, `${this.#field}[${index}]`, values[index] ?? null, item),
    );
    return [fieldOf(this.#of, this.#field, values, { losers: this.losers }), ...items];
  }
}

export function explainTags(of: ExplainedTrace): readonly FieldExplanation[] {
  const items = new Map<string, { readonly winner: FoundValue; readonly losers: Losers }>();
  const beyond = new Losers(of);
  for (const { span } of of.trace.rootFirst) {
    visitTags(span, (value, { id, key }) => {
      const found = { span, key, ruleId: id, value };
      const item = items.get(value);
      if (item !== undefined) item.losers.add(found, "repeated");
      else if (items.size < of.limits.tags) items.set(value, { winner: found, losers: new Losers(of) });
      else beyond.add(found, "over-limit");
    });
  }
  const { tags } = of.projection;
  const [first] = items.values();
  return [
    fieldOf(of, "tags", tags, { winner: first?.winner, losers: beyond }),
    ...[...items.values()].map((item, index) => fieldOf(of, `tags[${index}]`, tags[index] ?? null, item)),
  ];
}

export function explainMetadata(of: ExplainedTrace): readonly FieldExplanation[] {
  const items = new Map<string, { readonly winner: FoundValue; readonly losers: Losers }>();
  /** Of each key that was seen the item it became, if it became one. */
  const seen = new Map<string, string | undefined>();
  const beyond = new Losers(of);
  for (const { span } of of.trace.rootFirst) {
    visitMetadata(span, (key, value, rule) => {
      const found = { span, key: rule.key, ruleId: rule.id, value: value() };
      const kept = seen.get(key);
      const item = kept === undefined ? undefined : items.get(kept);
      if (item !== undefined) {
        item.losers.add(found, afterRoot(of, item.winner.span, span));
        return;
      }
      const short = cutText(key, of.limits.valueCharacters);
      const isNew = !seen.has(key);
      if (isNew && items.size < of.limits.metadataKeys && !items.has(short)) {
        items.set(short, { winner: found, losers: new Losers(of) });
        seen.set(key, short);
        return;
      }
      // Once all items are there, it makes no difference which others were seen.
      if (items.size < of.limits.metadataKeys) seen.set(key, undefined);
      beyond.add(found, items.has(short) ? "same-when-cut" : "over-limit");
    });
  }
  const { metadata } = of.projection;
  return [
    fieldOf(of, "metadata", Object.keys(metadata), { losers: beyond }),
    ...[...items].map(([key, item]) =>
      fieldOf(
        of,
        `metadata.${cutText(key, 128)}`,
        (Object.hasOwn(metadata, key) ? metadata[key] : null) as Json,
        item,
      ),
    ),
  ];
}

function textIn(span: OtlpSpan, rule: AttributeRule): string {
  return attributeToText(ruleValue(span, rule) ?? "");
}
