import { MOST_STEPS_UP } from "../spans/ancestors.js";
import type { FoldedSpan } from "../spans/foldedSpan.js";
import { isOwnWork } from "../spans/ownWork.js";
import { kindOf, usageOf } from "../spans/spanFacts.js";
import { ITEMS_PER_STEP } from "../steps.js";
import { addSum, countOwn, noSum, type Sum } from "./countOnce.js";

/** What was counted below a span, and what the span has told the one above it. None of the sums is ever changed. */
interface Told {
  below: Sum;
  beside: Sum;
  toldBelow: Sum;
  toldBeside: Sum;
}

/** Of one span: a million of them add up to less than 2⁵³ − 1, where sums stop and cannot be taken apart any more. */
const MOST_TOKENS = 2 ** 32;

const nothing: Sum = noSum();
const fields = Object.keys(nothing) as readonly (keyof Sum)[];

/**
 * Counts usage once, as `countUsageOnceInSteps` does, in a trace without twins and cycles that grows span by span: what changes
 * goes up from a span to the root, as a difference.
 */
export class GrowingUsage {
  readonly #told = new Map<FoldedSpan, Told>();
  #fits = true;

  /** Whether the trace is one that can be counted so. If not, what was counted is of no use. */
  get fits(): boolean {
    return this.#fits;
  }

  /** @param bottomUp all spans, each after all below it */
  *recount(bottomUp: Iterable<FoldedSpan>): Generator<void, void> {
    this.#told.clear();
    this.#fits = true;
    let steps = 0;
    for (const span of bottomUp) {
      if (++steps % ITEMS_PER_STEP === 0) yield;
      this.#retell(span);
    }
  }

  /**
   * Tells the spans above what a span says, as far as they have not been told.
   *
   * @returns how many were told
   */
  tell(span: FoldedSpan): number {
    let steps = 0;
    for (let at: FoldedSpan | undefined = span; at !== undefined && this.#fits; at = at.parent) {
      if (++steps > MOST_STEPS_UP) this.#fits = false;
      if (!this.#retell(at)) break;
    }
    return steps;
  }

  /** The span above it has only arrived now: it was told nothing yet. */
  forgetTold(span: FoldedSpan): void {
    const told = this.#told.get(span);
    if (told === undefined) return;
    told.toldBelow = nothing;
    told.toldBeside = nothing;
  }

  /** @returns whether the span above was told something new */
  #retell(span: FoldedSpan): boolean {
    const usage = usageOf(span);
    const told = this.#told.get(span) ?? (usage === undefined ? undefined : this.#begin(span));
    if (told === undefined) return false;
    if (usage === undefined) return this.#pass(span, told, told.below, told.beside);
    if (Object.values(usage.own).some((tokens) => tokens > MOST_TOKENS)) this.#fits = false;
    const below = { ...told.below };
    const isCall = kindOf(span) === "llm";
    if (!isCall) addSum(below, told.beside);
    span.counted = countOwn(usage, below);
    if (span.run !== undefined) span.run.stale = true;
    return this.#pass(span, told, below, isCall ? told.beside : nothing);
  }

  #begin(span: FoldedSpan): Told {
    const told = { below: nothing, beside: nothing, toldBelow: nothing, toldBeside: nothing };
    this.#told.set(span, told);
    return told;
  }

  #pass(span: FoldedSpan, told: Told, below: Sum, beside: Sum): boolean {
    const { parent } = span;
    const isNews = differs(below, told.toldBelow) || differs(beside, told.toldBeside);
    if (parent !== undefined && isNews) {
      const above = this.#told.get(parent) ?? this.#begin(parent);
      const where = isOwnWork(kindOf(span)) ? "beside" : "below";
      above[where] = shifted(above[where], told.toldBelow, below);
      above.beside = shifted(above.beside, told.toldBeside, beside);
    }
    told.toldBelow = below;
    told.toldBeside = beside;
    return parent !== undefined && isNews;
  }
}

function shifted(sum: Sum, before: Sum, after: Sum): Sum {
  if (!differs(before, after)) return sum;
  const moved = { ...sum };
  for (const field of fields) moved[field] += after[field] - before[field];
  return moved;
}

function differs(a: Sum, b: Sum): boolean {
  return a !== b && fields.some((field) => a[field] !== b[field]);
}
