import type { SpanTree } from "../spans/spanTree.js";
import { addTokens, type SpanUsage, type TokenCounts } from "./spanUsage.js";

const none: TokenCounts = { uncached: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0, total: 0 };

/**
 * What each span adds to the trace: its own figure as far as its descendants' counted figures don't explain it,
 * `counted(s) = max(0, own(s) − Σ counted(descendants of s))`, class by class. A roll-up thus adds nothing, and a parent
 * that reports more than its children adds the remainder.
 *
 * A span that does not say how much of its input was cached has all of it explained by all input below it: the outer of
 * two spans over one call often reports less detail than the inner.
 */
export function countUsageOnce(
  tree: SpanTree,
  usages: readonly (SpanUsage | undefined)[],
): readonly (TokenCounts | undefined)[] {
  const counted: (TokenCounts | undefined)[] = new Array(tree.spans.length);
  const below: (TokenCounts | undefined)[] = new Array(tree.spans.length);
  for (const position of tree.bottomUp) {
    const usage = usages[position];
    const explained = below[position] ?? none;
    let subtree = below[position];
    if (usage !== undefined) {
      const rest = remainder(usage, explained);
      counted[position] = rest;
      subtree = add(explained, rest);
    }
    const parent = tree.parents[position] as number;
    if (parent !== -1 && subtree !== undefined) {
      const sum = below[parent];
      below[parent] = sum === undefined ? subtree : add(sum, subtree);
    }
  }
  return counted;
}

function remainder({ own, knowsCache }: SpanUsage, explained: TokenCounts): TokenCounts {
  const explainedInput = knowsCache
    ? explained.uncached
    : addTokens(explained.uncached, addTokens(explained.cacheRead, explained.cacheWrite));
  return {
    uncached: Math.max(0, own.uncached - explainedInput),
    cacheRead: Math.max(0, own.cacheRead - explained.cacheRead),
    cacheWrite: Math.max(0, own.cacheWrite - explained.cacheWrite),
    output: Math.max(0, own.output - explained.output),
    reasoning: Math.max(0, own.reasoning - explained.reasoning),
    total: Math.max(0, own.total - explained.total),
  };
}

export function addTokenCounts(a: TokenCounts, b: TokenCounts): TokenCounts {
  return add(a, b);
}

function add(a: TokenCounts, b: TokenCounts): TokenCounts {
  return {
    uncached: addTokens(a.uncached, b.uncached),
    cacheRead: addTokens(a.cacheRead, b.cacheRead),
    cacheWrite: addTokens(a.cacheWrite, b.cacheWrite),
    output: addTokens(a.output, b.output),
    reasoning: addTokens(a.reasoning, b.reasoning),
    total: addTokens(a.total, b.total),
  };
}
