import type { OtlpSpan } from "@es/otlp";
import { attributeToNumber } from "../attributes/attributeText.js";
import { attributeToObject, memberAt } from "../attributes/jsonMembers.js";
import { candidateRules } from "../conventions/candidateRules.js";
import type { CostRule } from "../conventions/convention.js";
import { rules } from "../conventions/conventions.js";
import { nameBy } from "../conventions/ruleValue.js";
import { modelsOf, providersOf } from "../selection/names.js";
import { FoldedSpan, oncePerSpan } from "../spans/foldedSpan.js";
import { isOwnWork } from "../spans/ownWork.js";
import type { SpanTree } from "../spans/spanTree.js";
import { runToEnd } from "../steps.js";
import type { CostReason, SpanKind, TraceCost } from "../traceProjection.js";
import { addTokens, type SpanUsage, type TokenCounts } from "../usage/spanUsage.js";
import { inputOf, type TwinCall } from "../usage/twinCalls.js";
import { type Money, money, moneyToString, zeroMoney } from "./money.js";
import { noOwnPrices, type OwnPrices } from "./ownPrices.js";
import { type PriceResult, priceTableVersion, priceTokens } from "./priceTable.js";

export interface ReportedCost {
  readonly amount: Money;
  readonly key: string;
  readonly ruleId: string;
}

/** The cost a span reports, zero included. */
export const readReportedCost = oncePerSpan((span: OtlpSpan): ReportedCost | undefined => {
  for (const rule of candidateRules(span, rules.cost)) {
    let amount: Money | undefined;
    let found = "";
    for (const key of rule.keys) {
      for (const value of costValues(span, key, rule)) {
        const part = money(typeof value === "string" ? value.trim() : value);
        if (part === undefined) continue;
        if (amount === undefined) found = key;
        amount = (amount ?? zeroMoney).plus(part);
      }
    }
    if (amount !== undefined) return { amount, key: found, ruleId: rule.id };
  }
  return undefined;
});

/** What an attribute says by a rule, as far as it is a number. */
function costValues(
  span: OtlpSpan,
  key: string,
  { members }: CostRule,
): readonly (string | number | bigint)[] {
  const value = span.attributes.get(key);
  if (members === undefined) return isAmount(value) ? [value] : [];
  const object = attributeToObject(value);
  if (object === undefined) return [];
  const values: readonly unknown[] =
    members === "all" ? Object.values(object) : members.map((member) => memberAt(object, member));
  return values.filter(isAmount);
}

function isAmount(value: unknown): value is string | number | bigint {
  const isScalar = typeof value === "string" || typeof value === "number" || typeof value === "bigint";
  return isScalar && attributeToNumber(value) !== undefined;
}

/** What the cost of a span is made of. */
export interface CostFacts {
  readonly span: OtlpSpan;
  readonly kind: SpanKind;
  readonly reported: ReportedCost | undefined;
  readonly usage: SpanUsage | undefined;
  /** What the span's usage adds to the trace's. */
  readonly counted: TokenCounts | undefined;
}

export interface CostResult {
  readonly cost: TraceCost | null;
  readonly reason: CostReason | null;
  readonly unpricedModels: readonly string[];
  readonly priceTableVersion: string | null;
  /** Positions of the spans that the amount comes from, in the order of the tree. */
  readonly contributors: readonly number[];
  /** What could not be priced, in the order of the tree. */
  readonly gaps: readonly CostGap[];
}

/** What became of the cost of one span. */
export type CostStep =
  /** What was reported, and how much of it those reported below don't explain. */
  | { readonly kind: "reported"; readonly position: number; readonly own: Money; readonly counted: Money }
  | { readonly kind: "priced"; readonly position: number; readonly counted: Money }
  | { readonly kind: "unpriced"; readonly position: number; readonly reason: CostReason }
  /** A reported cost stands for it. */
  | { readonly kind: "covered"; readonly position: number }
  /** All its tokens are counted below. */
  | { readonly kind: "counted-below"; readonly position: number };

/** A {@link CostResult} by itself, for a projection. */
export interface CostSummary extends Omit<CostResult, "contributors" | "gaps"> {
  /** Spans that the amount comes from. */
  readonly contributors: number;
  /** The first of them. */
  readonly first: CostFacts | undefined;
}

export function summarizeCost(result: CostResult, facts: readonly CostFacts[]): CostSummary {
  const { contributors } = result;
  return { ...result, contributors: contributors.length, first: facts[contributors[0] ?? -1] };
}

export interface CostGap {
  readonly position: number;
  readonly model: string | undefined;
  readonly reason: CostReason;
  readonly hasTokens: boolean;
  /** The tokens were priced, but not all of them, or not for sure at their price. */
  readonly isPartly?: true;
}

/**
 * The cost of the trace. A reported cost counts, like usage, as far as the costs reported below it don't explain it, and
 * stands for all that happens below it. Tokens that no reported cost stands for are priced from the table.
 *
 * @param seen told of every span that has a cost or tokens
 */
export function costOf(...of: Parameters<typeof costInSteps>): CostResult {
  return runToEnd(costInSteps(...of));
}

/** {@link costOf} in steps. */
export function* costInSteps(
  tree: SpanTree,
  facts: readonly CostFacts[],
  traceStart: bigint,
  twins: readonly TwinCall[] = [],
  own: OwnPrices = noOwnPrices,
  seen?: (step: CostStep) => void,
): Generator<void, CostResult> {
  const anyReported = facts.some((fact) => fact.reported !== undefined);
  const covered = anyReported ? coveredByReport(tree, facts, twins) : undefined;
  const contributors: number[] = [];
  const gaps: CostGap[] = [];
  let total = anyReported ? yield* reportedOnce(tree, facts, twins, contributors, seen) : undefined;
  let priced = false;
  let pricedTokens = false;
  const assumed = new Set<string>();
  for (const [position, fact] of facts.entries()) {
    if (position % SPANS_PER_STEP === SPANS_PER_STEP - 1) yield;
    if (covered?.[position] === 1 && isToPrice(fact)) {
      seen?.({ kind: "covered", position });
      continue;
    }
    const found = priceOnce(fact, traceStart, own);
    if (found === undefined) continue;
    if (found === "counted-below") {
      seen?.({ kind: "counted-below", position });
      continue;
    }
    const { price, counts, model, partly } = found;
    if (price.priced) {
      // Tokens moved to a cheaper class were priced below, unless their cost was reported: then that is it.
      if (anyReported && price.amount.isNegative()) {
        seen?.({ kind: "covered", position });
        continue;
      }
      seen?.({ kind: "priced", position, counted: price.amount });
      if (price.assumedProvider !== undefined) assumed.add(price.assumedProvider);
      total = (total ?? zeroMoney).plus(price.amount);
      contributors.push(position);
      priced = true;
      pricedTokens ||= counts;
      if (partly !== undefined)
        gaps.push({ position, model, reason: partly, hasTokens: true, isPartly: true });
    } else {
      seen?.({ kind: "unpriced", position, reason: price.reason });
      gaps.push({ position, model, reason: price.reason, hasTokens: counts });
    }
  }
  return {
    ...concludeCost(
      { total, source: !anyReported ? "priced" : pricedTokens ? "mixed" : "reported", priced, gaps, assumed },
      own,
    ),
    contributors: contributors.sort((a, b) => a - b),
  };
}

interface CostSum {
  readonly total: Money | undefined;
  readonly source: TraceCost["source"];
  /** Whether the price table was used. */
  readonly priced: boolean;
  readonly gaps: readonly CostGap[];
  readonly assumed: ReadonlySet<string>;
}

function concludeCost(
  { total, source, priced, gaps, assumed }: CostSum,
  own: OwnPrices,
): Omit<CostResult, "contributors"> {
  // A gap without tokens costs nothing where anything else is known; else the earliest names the reason.
  const open = total === undefined ? gaps : gaps.filter((gap) => gap.hasTokens);
  return {
    cost:
      total === undefined
        ? null
        : {
            // What moves tokens to a cheaper class may be priced where what it moves them from is not.
            amount: moneyToString(total.isNegative() ? zeroMoney : total),
            currency: "USD",
            source,
            complete: open.length === 0,
            ...(assumed.size === 0 ? {} : { assumedProviders: [...assumed] }),
          },
    reason: open[0]?.reason ?? (total === undefined ? "no-usage" : null),
    unpricedModels: [
      ...new Set(
        open.flatMap(({ model, isPartly }) => (model === undefined || isPartly === true ? [] : [model])),
      ),
    ],
    priceTableVersion: priced ? priceTableVersion(own) : null,
    gaps: open,
  };
}

function isToPrice({ reported, usage, counted }: CostFacts): boolean {
  return reported === undefined && usage !== undefined && counted !== undefined;
}

/** Decimals take their time. */
const SPANS_PER_STEP = 200;

/** {@link priceFacts} of a span in a fold is remembered, as long as what it adds stays the same. */
function priceOnce(fact: CostFacts, traceStart: bigint, own: OwnPrices): ReturnType<typeof priceFacts> {
  const { span, counted } = fact;
  if (!(span instanceof FoldedSpan) || counted === undefined) return priceFacts(fact, traceStart, own);
  const at = span.startTimeUnixNano === 0n ? traceStart : span.startTimeUnixNano;
  const known = span.priced as PricedBefore | undefined;
  if (known?.at === at && areEqual(known.counted, counted)) return known.found;
  const found = priceFacts(fact, traceStart, own);
  span.priced = { at, counted, found } satisfies PricedBefore;
  return found;
}

interface PricedBefore {
  readonly at: bigint;
  readonly counted: TokenCounts;
  readonly found: ReturnType<typeof priceFacts>;
}

function areEqual(a: TokenCounts, b: TokenCounts): boolean {
  return (
    a.uncached === b.uncached &&
    a.cacheRead === b.cacheRead &&
    a.cacheWrite === b.cacheWrite &&
    a.output === b.output &&
    a.reasoning === b.reasoning &&
    a.total === b.total &&
    a.audioInput === b.audioInput &&
    a.audioCacheRead === b.audioCacheRead &&
    a.audioOutput === b.audioOutput &&
    a.longCacheWrite === b.longCacheWrite
  );
}

interface PricedFacts {
  readonly price: ReturnType<typeof priceSpan>;
  /** Whether there are tokens to price. */
  readonly counts: boolean;
  readonly model: string | undefined;
  /** Why the price is not all, or not for sure. */
  readonly partly: CostReason | undefined;
}

function priceFacts(
  { span, reported, usage, counted }: CostFacts,
  traceStart: bigint,
  own: OwnPrices,
): PricedFacts | "counted-below" | undefined {
  if (reported !== undefined || usage === undefined || counted === undefined) return undefined;
  const counts = hasTokens(counted);
  // All of it is explained, and so priced, below.
  if (!counts && hasTokens(usage.own)) return "counted-below";
  const models = modelsOf(span);
  const at = span.startTimeUnixNano === 0n ? traceStart : span.startTimeUnixNano;
  const price = priceSpan(providersOf(span), models, usage, counted, at, own);
  return { price, counts, model: models[0], partly: whyPartly(span, price, counted) };
}

function whyPartly(
  span: OtlpSpan,
  price: ReturnType<typeof priceSpan>,
  counted: TokenCounts,
): CostReason | undefined {
  if (!price.priced || !hasTokens(counted)) return undefined;
  if (counted.total > addTokens(inputOf(counted), counted.output)) return "unclassed-tokens";
  if (price.isPartly === true) return "no-class-price";
  return hasOtherTier(span) ? "service-tier" : undefined;
}

/** Whether the call was billed by a tier that the prices of the table do not hold for. */
const hasOtherTier = oncePerSpan((span: OtlpSpan): boolean => {
  for (const rule of candidateRules(span, rules.tiers)) {
    const tier = nameBy(span, rule)?.toLowerCase();
    if (tier !== undefined) return !rule.standard.includes(tier);
  }
  return false;
});

/** What some of a trace's spans cost where none of its spans reports a cost. */
export interface PricedPart {
  readonly total: Money | undefined;
  readonly contributors: number;
  readonly first: CostFacts | undefined;
  /** One for each kind of gap, as the first of it. */
  readonly gaps: readonly CostGap[];
  readonly assumed: ReadonlySet<string>;
}

/** @param facts in the order of the tree; of spans that have a start */
export function pricePart(facts: readonly CostFacts[], own: OwnPrices): PricedPart {
  const gaps = new Map<string, CostGap>();
  let total: Money | undefined;
  let contributors = 0;
  let first: CostFacts | undefined;
  const assumed = new Set<string>();
  for (const fact of facts) {
    const found = priceFacts(fact, 0n, own);
    if (found === undefined || found === "counted-below") continue;
    const { price, counts, model, partly } = found;
    const addGap = (gap: Omit<CostGap, "position" | "model">) => {
      const kind = JSON.stringify([gap, model ?? null]);
      if (!gaps.has(kind)) gaps.set(kind, { position: -1, model, ...gap });
    };
    if (price.priced) {
      if (partly !== undefined) addGap({ reason: partly, hasTokens: true, isPartly: true });
      total = (total ?? zeroMoney).plus(price.amount);
      contributors++;
      first ??= fact;
      if (price.assumedProvider !== undefined) assumed.add(price.assumedProvider);
    } else addGap({ reason: price.reason, hasTokens: counts });
  }
  return { total, contributors, first, gaps: [...gaps.values()], assumed };
}

/** Of the parts of a trace, in the order of the tree, what {@link costOf} says of the whole. */
export function joinCost(parts: readonly PricedPart[], own: OwnPrices): CostSummary {
  let total: Money | undefined;
  let contributors = 0;
  for (const part of parts) {
    if (part.total !== undefined) total = (total ?? zeroMoney).plus(part.total);
    contributors += part.contributors;
  }
  const gaps = parts.flatMap((part) => part.gaps);
  return {
    ...concludeCost(
      {
        total,
        source: "priced",
        priced: contributors > 0,
        gaps,
        assumed: new Set(parts.flatMap((part) => [...part.assumed])),
      },
      own,
    ),
    contributors,
    first: parts.find(({ first }) => first !== undefined)?.first,
  };
}

/** The sum of what each reported cost adds to those reported below it. */
function* reportedOnce(
  tree: SpanTree,
  facts: readonly CostFacts[],
  twins: readonly TwinCall[],
  contributors: number[],
  seen: ((step: CostStep) => void) | undefined,
): Generator<void, Money> {
  let steps = 0;
  const below: (Money | undefined)[] = new Array(tree.spans.length);
  // As with usage: see `countUsageOnceInSteps`.
  const beside: (Money | undefined)[] = new Array(tree.spans.length);
  const addTo = (sums: (Money | undefined)[], position: number, amount: Money | undefined) => {
    if (amount !== undefined) sums[position] = amount.plus(sums[position] ?? zeroMoney);
  };
  const toldByTwin = new Map<number, Money>();
  const repeated = new Map<number, Money>();
  for (const { outer, inner, meet } of twins.toSorted((a, b) => b.inner - a.inner)) {
    const own = facts[inner]?.reported?.amount;
    const after = toldByTwin.get(inner);
    const told = own === undefined || after?.gt(own) === true ? after : own;
    if (told === undefined) continue;
    toldByTwin.set(outer, told);
    if (meet !== -1) repeated.set(meet, told.plus(repeated.get(meet) ?? zeroMoney));
  }
  let total = zeroMoney;
  for (const position of tree.bottomUp) {
    if (++steps % SPANS_PER_STEP === 0) yield;
    const reported = facts[position]?.reported;
    const twice = repeated.get(position);
    if (twice !== undefined) {
      const sums = below[position]?.gte(twice) === true ? below : beside;
      sums[position] = sums[position]?.minus(twice);
    }
    addTo(below, position, toldByTwin.get(position));
    if (reported !== undefined) {
      if (facts[position]?.kind !== "llm") {
        addTo(below, position, beside[position]);
        beside[position] = undefined;
      }
      const rest = reported.amount.minus(below[position] ?? zeroMoney);
      seen?.({
        kind: "reported",
        position,
        own: reported.amount,
        counted: rest.isNegative() ? zeroMoney : rest,
      });
      if (!rest.isNegative()) {
        if (!rest.isZero() || below[position] === undefined) contributors.push(position);
        total = total.plus(rest);
        below[position] = reported.amount;
      }
    }
    const parent = tree.parents[position] as number;
    if (parent === -1) continue;
    addTo(isOwnWork(facts[position]?.kind) ? beside : below, parent, below[position]);
    addTo(beside, parent, beside[position]);
  }
  return total;
}

function priceSpan(
  providers: readonly string[],
  models: readonly string[],
  { own }: SpanUsage,
  counted: TokenCounts,
  at: bigint,
  ownPrices: OwnPrices,
): Extract<PriceResult, { priced: true }> | { readonly priced: false; readonly reason: CostReason } {
  if (models.length === 0) return { priced: false, reason: "no-model" };
  // A span that only knows a total leaves nothing to apply a rate to.
  if (counted.total > 0 && !hasClasses(counted) && !hasClasses(own)) {
    return { priced: false, reason: "no-usage" };
  }
  const isRequest = counted.total > 0 && counted.total === own.total;
  let reason: CostReason = "unknown-model";
  const names = (providers.length === 0 ? [undefined] : providers).flatMap((provider) =>
    models.map((model) => ({ provider, model })),
  );
  // Own prices for any of the span's names come before the table's for another: that of a deployment, say.
  const mine = names.find(({ provider, model }) => ownPrices.ratesOf(model, provider, at) !== undefined);
  // The table's price is that of the model which answered: what was asked for may be another.
  const answered = names.filter(({ model }) => model === models[0]);
  for (const { provider, model } of mine === undefined ? answered : [mine]) {
    const price = priceTokens(model, provider, counted, inputOf(own), at, isRequest, ownPrices);
    if (price.priced) return price;
    reason = price.reason;
  }
  return { priced: false, reason };
}

/** Whether some ancestor reports a cost, which then stands for all below it, or a twin or one above that. */
function coveredByReport(
  tree: SpanTree,
  facts: readonly CostFacts[],
  twins: readonly TwinCall[],
): Uint8Array {
  const covered = new Uint8Array(tree.spans.length);
  const byCall = new Uint8Array(tree.spans.length);
  for (const position of tree.bottomUp.toReversed()) {
    const parent = tree.parents[position] as number;
    if (parent === -1) continue;
    const above = facts[parent];
    const isCall = above?.kind === "llm";
    if (covered[parent] === 1 || (above?.reported !== undefined && !isCall)) covered[position] = 1;
    // What one call of a model cost does not stand for the tools and agents below it.
    if (isOwnWork(facts[position]?.kind)) continue;
    if (byCall[parent] === 1 || (above?.reported !== undefined && isCall)) byCall[position] = 1;
  }
  byCall.forEach((isCovered, position) => {
    if (isCovered === 1) covered[position] = 1;
  });
  for (const { outer, inner } of twins) {
    if (covered[outer] === 1 || facts[outer]?.reported !== undefined) covered[inner] = 1;
  }
  return covered;
}

function hasTokens(counts: TokenCounts): boolean {
  return counts.total > 0 || hasClasses(counts);
}

function hasClasses({ uncached, cacheRead, cacheWrite, output }: TokenCounts): boolean {
  return uncached !== 0 || cacheRead > 0 || cacheWrite > 0 || output > 0;
}
