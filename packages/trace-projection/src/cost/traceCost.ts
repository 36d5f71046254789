import type { OtlpSpan } from "@es/otlp";
import { attributeToNumber } from "../attributes/attributeText.js";
import { rules } from "../conventions/conventions.js";
import type { SpanTree } from "../spans/spanTree.js";
import type { CostReason, TraceCost } from "../traceProjection.js";
import { addTokens, type SpanUsage, type TokenCounts } from "../usage/spanUsage.js";
import { type Money, money, moneyToString, zeroMoney } from "./money.js";
import { PRICE_TABLE_VERSION, priceTokens } from "./priceTable.js";

export interface ReportedCost {
  readonly amount: Money;
  readonly key: string;
  readonly ruleId: string;
}

/** The cost a span reports, zero included. */
export function readReportedCost(span: OtlpSpan): ReportedCost | undefined {
  for (const rule of rules.cost) {
    let amount: Money | undefined;
    for (const key of rule.keys) {
      const value = span.attributes.get(key);
      if (attributeToNumber(value) === undefined) continue;
      const part = money(typeof value === "string" ? value.trim() : (value as number | bigint));
      if (part !== undefined) amount = (amount ?? zeroMoney).plus(part);
    }
    if (amount !== undefined) return { amount, key: rule.keys[0] as string, ruleId: rule.id };
  }
  return undefined;
}

/** What the cost of a span is made of. */
export interface CostFacts {
  readonly reported: ReportedCost | undefined;
  readonly usage: SpanUsage | undefined;
  /** What the span's usage adds to the trace's. */
  readonly counted: TokenCounts | undefined;
  /** Tried in this order. */
  readonly models: readonly string[];
  readonly providers: readonly string[];
}

export interface CostResult {
  readonly cost: TraceCost | null;
  readonly reason: CostReason | null;
  readonly unpricedModels: readonly string[];
  readonly priceTableVersion: string | null;
  /** Positions of the spans that the amount comes from, in the order of the tree. */
  readonly contributors: readonly number[];
}

/**
 * The cost of the trace. A reported cost counts, like usage, as far as the counted costs below it don't explain it; tokens
 * that no reported cost covers are priced from the table.
 */
export function costOf(tree: SpanTree, facts: readonly CostFacts[], traceStart: bigint): CostResult {
  const below: (Money | undefined)[] = new Array(tree.spans.length);
  const anyReported = facts.some((fact) => fact.reported !== undefined);
  const covered = anyReported ? coveredByReport(tree, facts) : new Uint8Array(tree.spans.length);
  const contributors: number[] = [];
  const unpriced = new Map<number, { model: string | undefined; reason: CostReason }>();
  let total: Money | undefined;
  let reported = false;
  let priced = false;
  for (const position of tree.bottomUp) {
    const fact = facts[position] as CostFacts;
    let own: Money | undefined;
    if (fact.reported !== undefined) {
      const rest = fact.reported.amount.minus(below[position] ?? zeroMoney);
      own = rest.isNegative() ? zeroMoney : rest;
      reported = true;
    } else if (fact.usage !== undefined && fact.counted !== undefined) {
      const start = tree.spans[position]?.startTimeUnixNano ?? 0n;
      const price = priceSpan(fact, fact.usage, fact.counted, start === 0n ? traceStart : start);
      if (price.priced) {
        own = price.amount;
        priced = true;
      } else if (!covered[position] && (hasTokens(fact.counted) || !hasTokens(fact.usage.own))) {
        unpriced.set(position, { model: fact.models[0], reason: price.reason });
      }
    }
    if (own !== undefined) {
      total = (total ?? zeroMoney).plus(own);
      contributors.push(position);
    }
    // Only a reported cost asks what the costs below it are.
    if (!anyReported) continue;
    const parent = tree.parents[position] as number;
    const subtree = own === undefined ? below[position] : own.plus(below[position] ?? zeroMoney);
    if (parent !== -1 && subtree !== undefined) below[parent] = (below[parent] ?? zeroMoney).plus(subtree);
  }
  // The earliest gap names the reason.
  const gaps = [...unpriced].sort(([a], [b]) => a - b).map(([, gap]) => gap);
  const unpricedModels = [...new Set(gaps.flatMap(({ model }) => (model === undefined ? [] : [model])))];
  return {
    cost:
      total === undefined
        ? null
        : {
            amount: moneyToString(total),
            currency: "USD",
            source: reported && priced ? "mixed" : reported ? "reported" : "priced",
            complete: gaps.length === 0,
          },
    reason: gaps[0]?.reason ?? (total === undefined ? "no-usage" : null),
    unpricedModels,
    priceTableVersion: priced ? PRICE_TABLE_VERSION : null,
    contributors: contributors.sort((a, b) => a - b),
  };
}

function priceSpan(
  fact: CostFacts,
  usage: SpanUsage,
  counted: TokenCounts,
  at: bigint,
): { priced: true; amount: Money } | { priced: false; reason: CostReason } {
  if (fact.models.length === 0) return { priced: false, reason: "no-model" };
  // A span that only knows a total leaves nothing to apply a rate to.
  if (counted.total > 0 && !hasClasses(counted) && !hasClasses(usage.own)) {
    return { priced: false, reason: "no-usage" };
  }
  const requestInput = addTokens(usage.own.uncached, addTokens(usage.own.cacheRead, usage.own.cacheWrite));
  let reason: CostReason = "unknown-model";
  for (const provider of fact.providers.length === 0 ? [undefined] : fact.providers) {
    for (const model of fact.models) {
      const price = priceTokens(model, provider, counted, requestInput, at);
      if (price.priced) return price;
      reason = price.reason;
    }
  }
  return { priced: false, reason };
}

/** Whether some ancestor reports a cost, which then stands for all below it. */
function coveredByReport(tree: SpanTree, facts: readonly CostFacts[]): Uint8Array {
  const covered = new Uint8Array(tree.spans.length);
  for (const position of tree.bottomUp.toReversed()) {
    const parent = tree.parents[position] as number;
    if (parent !== -1 && (covered[parent] === 1 || facts[parent]?.reported !== undefined)) {
      covered[position] = 1;
    }
  }
  return covered;
}

function hasTokens(counts: TokenCounts): boolean {
  return counts.total > 0 || hasClasses(counts);
}

function hasClasses({ uncached, cacheRead, cacheWrite, output }: TokenCounts): boolean {
  return uncached + cacheRead + cacheWrite + output > 0;
}
