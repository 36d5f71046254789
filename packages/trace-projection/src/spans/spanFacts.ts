import { type CostFacts, readReportedCost } from "../cost/traceCost.js";
import { ITEMS_PER_STEP, runToEnd } from "../steps.js";
import type { SpanKind } from "../traceProjection.js";
import { countUsageOnceInSteps } from "../usage/countOnce.js";
import { readSpanUsage, type SpanUsage } from "../usage/spanUsage.js";
import { findTwinCallsInSteps, type TwinCall } from "../usage/twinCalls.js";
import { oncePerSpan } from "./foldedSpan.js";
import { spanKindOf } from "./spanKind.js";
import type { SpanTree } from "./spanTree.js";

/** What one span says, read once. */
export interface SpanFacts extends CostFacts {
  /** No span of the trace is above it. */
  readonly isTop: boolean;
}

export interface TraceFacts {
  /** By position in the tree. */
  readonly facts: readonly SpanFacts[];
  readonly twins: readonly TwinCall[];
  /** The root, then the others as they started. */
  readonly rootFirst: readonly SpanFacts[];
  /** The span that gives input and output before all others, if one does. */
  readonly speaker: SpanFacts | undefined;
  /** All but the speaker, in the order of `rootFirst`. */
  readonly others: readonly SpanFacts[];
}

export function readTraceFacts(tree: SpanTree): TraceFacts {
  const { facts, twins } = runToEnd(countInSteps(tree));
  const rootFirst = orderRootFirst(tree, facts);
  // The earliest of several orphans, or of a cycle, names the trace but does not speak for the others.
  const speaks = tree.rootKind === "root" || (tree.rootKind === "orphan" && tree.orphans === 1);
  const speaker = speaks ? rootFirst[0] : undefined;
  return { facts, twins, rootFirst, speaker, others: speaker === undefined ? rootFirst : rootFirst.slice(1) };
}

/** What each span says, and what its usage adds to the trace's, in steps. */
export function* countInSteps(tree: SpanTree): Generator<void, Pick<TraceFacts, "facts" | "twins">> {
  const { spans } = tree;
  const kinds: SpanKind[] = [];
  const usages: (SpanUsage | undefined)[] = [];
  for (const span of spans) {
    if (kinds.push(kindOf(span)) % ITEMS_PER_STEP === 0) yield;
    usages.push(usageOf(span));
  }
  const twins = yield* findTwinCallsInSteps(tree, usages);
  const counted = yield* countUsageOnceInSteps(tree, usages, twins, kinds);
  const facts: SpanFacts[] = [];
  for (const [position, span] of spans.entries()) {
    const count = facts.push({
      span,
      isTop: tree.parents[position] === -1,
      kind: kinds[position] as SpanKind,
      usage: usages[position],
      counted: counted[position],
      reported: readReportedCost(span),
    });
    if (count % ITEMS_PER_STEP === 0) yield;
  }
  return { facts, twins };
}

function orderRootFirst({ root }: SpanTree, facts: readonly SpanFacts[]): readonly SpanFacts[] {
  if (root <= 0) return facts;
  return [facts[root] as SpanFacts, ...facts.slice(0, root), ...facts.slice(root + 1)];
}

export const kindOf = oncePerSpan((span) => spanKindOf(span).kind);

export const usageOf = oncePerSpan((span) => readSpanUsage(span, kindOf(span)));
