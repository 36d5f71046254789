import type { OtlpSpan } from "@es/otlp";
import { isOwnWork } from "../spans/ownWork.js";
import type { SpanFacts } from "../spans/spanFacts.js";
import type { TraceUsage } from "../traceProjection.js";
import { visitUsage } from "../usage/spanUsage.js";
import { usageFields } from "../usage/usageSum.js";
import { type ExplainedTrace, fieldOf, Losers } from "./explainField.js";
import { SumParts } from "./sumParts.js";
import type { FieldExplanation, LosingReason } from "./traceExplanation.js";

/** So many of the spans that count something instead are named. */
const NAMED = 5;

/** Which spans count what a span reports: its twin, and those below that report. */
export class CountedBelow {
  readonly #of: ExplainedTrace;
  readonly #reports: (facts: SpanFacts) => boolean;
  /** By position, the nearest span above whose figure it explains. */
  readonly #explains: Int32Array;
  /** By position of the outer, its twin. */
  readonly #twins = new Map<number, number>();
  #explainedBy: ReadonlyMap<number, readonly number[]> | undefined;

  /** @param reports whether a span has a figure of the kind that is counted */
  constructor(of: ExplainedTrace, reports: (facts: SpanFacts) => boolean) {
    this.#of = of;
    this.#reports = reports;
    const { facts, twins } = of.trace;
    // The last of a chain first.
    for (const { outer, inner } of twins.toSorted((a, b) => b.inner - a.inner)) {
      const twin = reports(facts[inner] as SpanFacts) ? inner : this.#twins.get(inner);
      if (twin !== undefined) this.#twins.set(outer, twin);
    }
    const { parents, bottomUp } = of.tree;
    this.#explains = new Int32Array(parents.length).fill(-1);
    // A call of a model does not report what tools and agents below it use: those explain what is further up.
    const beyondCalls = new Int32Array(parents.length).fill(-1);
    for (const position of bottomUp.toReversed()) {
      const parent = parents[position] as number;
      const above = facts[parent];
      if (above === undefined) continue;
      const isReporting = reports(above);
      beyondCalls[position] = isReporting && above.kind !== "llm" ? parent : (beyondCalls[parent] as number);
      this.#explains[position] = isOwnWork(facts[position]?.kind)
        ? (beyondCalls[position] as number)
        : isReporting
          ? parent
          : (this.#explains[parent] as number);
    }
  }

  /** Where nobody else counts it, it is more than can be counted. */
  reasonFor(position: number): LosingReason {
    if (this.#twins.has(position)) return "twin-call";
    return this.by(position).length > 0 ? "already-counted-below" : "over-limit";
  }

  by(position: number): readonly string[] {
    const twin = this.#twins.get(position);
    this.#explainedBy ??= this.#invert();
    const positions = twin === undefined ? (this.#explainedBy.get(position) ?? []) : [twin];
    return positions.map((other) => (this.#of.tree.spans[other] as OtlpSpan).spanId);
  }

  #invert(): ReadonlyMap<number, readonly number[]> {
    const explainedBy = new Map<number, number[]>();
    for (const [position, facts] of this.#of.trace.facts.entries()) {
      const above = this.#explains[position] as number;
      if (above === -1 || !this.#reports(facts)) continue;
      const others = explainedBy.get(above);
      if (others === undefined) explainedBy.set(above, [position]);
      else if (others.length < NAMED) others.push(position);
    }
    return explainedBy;
  }
}

export function explainUsage(of: ExplainedTrace): readonly FieldExplanation[] {
  const below = new CountedBelow(of, ({ usage }) => usage !== undefined);
  return usageFields.map(([name, classes, amount]) => {
    const losers = new Losers(of);
    const parts = new SumParts(of);
    for (const [position, { span, usage, counted }] of of.trace.facts.entries()) {
      if (usage === undefined || counted === undefined) continue;
      const rule = classes.map((reported) => usage.rules[reported]).find((used) => used !== undefined);
      const [own, adds] = [amount(usage.own), amount(counted)];
      const found = { span, key: rule?.key ?? "", ruleId: rule?.id ?? "usage.derived", value: String(own) };
      const isExplained = adds < own;
      const by = () => below.by(position);
      if (adds !== 0) {
        parts.add({
          found,
          own: String(own),
          counted: String(adds),
          isFirst: adds > 0,
          ...(isExplained ? { reason: below.reasonFor(position), by } : {}),
        });
      } else if (isExplained) losers.add(found, below.reasonFor(position), by);
      else if (rule !== undefined) losers.add(found, "zero");
    }
    for (const { span, usage } of of.trace.facts) {
      if (usage === undefined) continue;
      visitUsage(span, ({ id, key, class: reported }, count) => {
        if (!classes.includes(reported) || usage.rules[reported]?.id === id) return;
        losers.add({ span, key, ruleId: id, value: String(count) }, "lower-precedence-rule");
      });
    }
    const value = of.projection.usage[name as keyof TraceUsage];
    return fieldOf(of, `usage.${name}`, value, {
      winner: parts.first,
      losers,
      sum: parts.sum(String(value)),
    });
  });
}
