import type { OtlpSpan } from "@es/otlp";
import { rules } from "../conventions/conventions.js";
import type { Money } from "../cost/money.js";
import { type CostStep, costOf } from "../cost/traceCost.js";
import { firstNameIn } from "../selection/names.js";
import type { SpanFacts } from "../spans/spanFacts.js";
import { type ExplainedTrace, type FoundValue, fieldOf, Losers } from "./explainField.js";
import { CountedBelow } from "./explainUsage.js";
import { SumParts } from "./sumParts.js";
import type { FieldExplanation } from "./traceExplanation.js";

/** `cost`, `costReason`, and each of `unpricedModels`. */
export function explainCost(of: ExplainedTrace): readonly FieldExplanation[] {
  const { tree, trace, projection, limits } = of;
  const losers = new Losers(of);
  const parts = new SumParts(of);
  const steps: CostStep[] = [];
  const { contributors, gaps } = costOf(
    tree,
    trace.facts,
    BigInt(projection.startTimeUnixNano),
    trace.twins,
    of.prices,
    (step) => steps.push(step),
  );
  const adding = new Set(contributors);
  const reportedBelow = new CountedBelow(of, ({ reported }) => reported !== undefined);
  const usedBelow = new CountedBelow(of, ({ usage }) => usage !== undefined);
  for (const step of steps.sort((a, b) => a.position - b.position)) {
    const { position } = step;
    const facts = trace.facts[position] as SpanFacts;
    switch (step.kind) {
      case "reported": {
        const found = foundIn(facts, step.own);
        const [own, counted] = [step.own.toFixed(), step.counted.toFixed()];
        const by = () => reportedBelow.by(position);
        const reason = step.counted.lt(step.own) ? reportedBelow.reasonFor(position) : undefined;
        if (adding.has(position)) {
          parts.add({ found, own, counted, isFirst: true, ...(reason === undefined ? {} : { reason, by }) });
        } else losers.add(found, reason ?? "zero", by);
        break;
      }
      case "priced": {
        const counted = step.counted.toFixed();
        parts.add({ found: foundIn(facts, step.counted), own: counted, counted, isFirst: true });
        break;
      }
      case "covered":
        losers.add(foundIn(facts), "covered-by-reported-cost", () => coveredBy(of, position));
        break;
      case "counted-below":
        losers.add(foundIn(facts), usedBelow.reasonFor(position), () => usedBelow.by(position));
        break;
      case "unpriced":
        losers.add(foundIn(facts), step.reason);
    }
  }
  const amount = projection.cost?.amount ?? null;
  const gapIn = (position: number | undefined): FoundValue | undefined => {
    const facts = position === undefined ? undefined : trace.facts[position];
    return facts === undefined ? undefined : foundIn(facts);
  };
  const firstOf = new Map<string, number>();
  for (const { model, position, isPartly } of gaps) {
    if (model !== undefined && isPartly !== true && !firstOf.has(model)) firstOf.set(model, position);
  }
  return [
    fieldOf(of, "cost", amount, {
      winner: parts.first,
      losers,
      ...(amount === null ? {} : { sum: parts.sum(amount) }),
    }),
    fieldOf(of, "costReason", projection.costReason, { winner: gapIn(gaps[0]?.position) }),
    ...[...firstOf].slice(0, limits.distinct).map(([model, position], index) =>
      fieldOf(of, `unpricedModels[${index}]`, projection.unpricedModels[index] ?? null, {
        winner: { ...(gapIn(position) as FoundValue), value: model },
      }),
    ),
  ];
}

/** A cost that is reported, or the model by which one is priced. */
function foundIn({ span, reported }: SpanFacts, amount?: Money): FoundValue {
  if (reported !== undefined) {
    return { span, key: reported.key, ruleId: reported.ruleId, value: (amount ?? reported.amount).toFixed() };
  }
  const model = firstNameIn(span, rules.models);
  return {
    span,
    key: model?.key ?? "",
    ruleId: "cost.price-table",
    value: amount?.toFixed() ?? model?.value ?? "",
  };
}

/** The nearest span above that reports a cost; of a twin, the other one. */
function coveredBy({ tree, trace }: ExplainedTrace, position: number): readonly string[] {
  const idOf = (at: number) => (tree.spans[at] as OtlpSpan).spanId;
  for (let at = tree.parents[position] as number; at !== -1; at = tree.parents[at] as number) {
    if (trace.facts[at]?.reported !== undefined) return [idOf(at)];
  }
  return trace.twins.filter(({ inner }) => inner === position).map(({ outer }) => idOf(outer));
}
