import type { SpanTree } from "../spans/spanTree.js";
import { addTokens, type SpanUsage, type TokenCounts } from "./spanUsage.js";

const none: TokenCounts = { uncached: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0, total: 0 };

/** What a subtree was counted with, and how much of its uncached input may turn out to be cached. */
interface Explained extends TokenCounts {
  /** Uncached input counted on spans that name no cached tokens. */
  readonly vague: number;
}

const nothing: Explained = { ...none, vague: 0 };

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
  const below: (Explained | undefined)[] = new Array(tree.spans.length);
  for (const position of tree.bottomUp) {
    const usage = usages[position];
    let subtree = below[position];
    if (usage !== undefined) {
      const explained = subtree ?? nothing;
      const moved = movedToCache(usage.own, explained);
      const rest = remainder(usage.own, explained, moved);
      counted[position] = rest;
      const vague = namesCache(usage.own)
        ? explained.vague - moved
        : addTokens(explained.vague, rest.uncached);
      subtree = { ...add(explained, rest), vague };
    }
    const parent = tree.parents[position] as number;
    if (parent !== -1 && subtree !== undefined) {
      const sum = below[parent];
      below[parent] =
        sum === undefined ? subtree : { ...add(sum, subtree), vague: addTokens(sum.vague, subtree.vague) };
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
