import type { SpanTree } from "../spans/spanTree.js";
import { addTokens, noTokens, type SpanUsage, type TokenCounts } from "./spanUsage.js";

/** What a subtree was counted with, and how much of its uncached input may turn out to be cached. */
interface Explained extends TokenCounts {
  /** Uncached input counted on spans that name no cached tokens. */
  readonly vague: number;
}

type Sum = { -readonly [Field in keyof Explained]: number };

/**
 * What each span adds to the trace: its own figure as far as its descendants' counted figures don't explain it,
 * `counted(s) = max(0, own(s) − Σ counted(descendants of s))`, class by class. A roll-up thus adds nothing, and a parent
 * that reports more than its children adds the remainder.
 *
 * The classes of the input are explained together: of two spans over one call often only one says how much was cached,
 * the outer or the inner, and its word counts. Where it is the outer's, what it adds is the move of tokens from uncached
 * to cached: its `uncached` is then negative. Sums over a subtree never are.
 */
export function countUsageOnce(
  tree: SpanTree,
  usages: readonly (SpanUsage | undefined)[],
): readonly (TokenCounts | undefined)[] {
  const counted: (TokenCounts | undefined)[] = new Array(tree.spans.length);
  const below: (Sum | undefined)[] = new Array(tree.spans.length);
  for (const position of tree.bottomUp) {
    const usage = usages[position];
    let subtree = below[position];
    if (usage !== undefined) {
      subtree ??= { ...noTokens(), vague: 0 };
      const moved = movedToCache(usage.own, subtree);
      const rest = remainder(usage.own, subtree, moved);
      counted[position] = rest;
      addTokenCounts(subtree, rest);
      subtree.vague = namesCache(usage.own) ? subtree.vague - moved : addTokens(subtree.vague, rest.uncached);
    }
    const parent = tree.parents[position] as number;
    if (parent === -1 || subtree === undefined) continue;
    const sum = below[parent];
    if (sum === undefined) {
      // The first child's sum goes on as its parent's: nobody asks for the child's again.
      below[parent] = subtree;
    } else {
      addTokenCounts(sum, subtree);
      sum.vague = addTokens(sum.vague, subtree.vague);
    }
  }
  return counted;
}

function namesCache(own: TokenCounts): boolean {
  return own.cacheRead > 0 || own.cacheWrite > 0;
}

/** How much of the uncached input below was cached, as this span knows better. */
function movedToCache(own: TokenCounts, explained: Explained): number {
  const cacheRead = Math.max(0, own.cacheRead - explained.cacheRead);
  const cacheWrite = Math.max(0, own.cacheWrite - explained.cacheWrite);
  return Math.min(explained.vague, cacheRead + cacheWrite);
}

function remainder(own: TokenCounts, explained: Explained, moved: number): TokenCounts {
  let cacheRead = Math.max(0, own.cacheRead - explained.cacheRead);
  let cacheWrite = Math.max(0, own.cacheWrite - explained.cacheWrite);
  let uncached = Math.max(0, own.uncached - (explained.uncached - moved)) - moved;
  // What the classes add up to must not exceed what the inputs differ by: the excess is in other classes below.
  let excess = uncached + cacheRead + cacheWrite - Math.max(0, inputOf(own) - inputOf(explained));
  const take = (from: number, least: number) => {
    const taken = Math.max(0, Math.min(excess, from - least));
    excess -= taken;
    return from - taken;
  };
  uncached = take(uncached, -moved);
  cacheRead = take(cacheRead, 0);
  cacheWrite = take(cacheWrite, 0);
  return {
    uncached,
    cacheRead,
    cacheWrite,
    output: Math.max(0, own.output - explained.output),
    reasoning: Math.max(0, own.reasoning - explained.reasoning),
    total: Math.max(0, own.total - explained.total),
  };
}

/** All input. */
export function inputOf({ uncached, cacheRead, cacheWrite }: TokenCounts): number {
  return addTokens(uncached, addTokens(cacheRead, cacheWrite));
}

/** Adds `counts` to `sum`. */
export function addTokenCounts(
  sum: { -readonly [Class in keyof TokenCounts]: number },
  counts: TokenCounts,
): void {
  sum.uncached = addTokens(sum.uncached, counts.uncached);
  sum.cacheRead = addTokens(sum.cacheRead, counts.cacheRead);
  sum.cacheWrite = addTokens(sum.cacheWrite, counts.cacheWrite);
  sum.output = addTokens(sum.output, counts.output);
  sum.reasoning = addTokens(sum.reasoning, counts.reasoning);
  sum.total = addTokens(sum.total, counts.total);
}
