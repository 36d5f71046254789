import { isOwnWork } from "../spans/ownWork.js";
import type { SpanTree } from "../spans/spanTree.js";
import { ITEMS_PER_STEP } from "../steps.js";
import type { SpanKind } from "../traceProjection.js";
import { addTokens, noTokens, type SpanUsage, type TokenCounts } from "./spanUsage.js";
import { inputOf, type TwinCall } from "./twinCalls.js";

/** What a subtree was counted with, and how much of its uncached input may turn out to be cached. */
export interface Explained extends TokenCounts {
  /** Uncached input counted on spans that name no cached tokens. */
  readonly vague: number;
}

export type Sum = { -readonly [Field in keyof Explained]: number };

/**
 * What each span adds to the trace: its own figure as far as its descendants' counted figures don't explain it,
 * `counted(s) = max(0, own(s) − Σ counted(descendants of s))`, class by class. A roll-up thus adds nothing, and a parent
 * that reports more than its children adds the remainder.
 *
 * The classes of the input are explained together: of two spans over one call often only one says how much was cached,
 * the outer or the inner, and its word counts. Where it is the outer's, what it adds is the move of tokens from uncached
 * to cached: its `uncached` is then negative. Sums over a subtree never are.
 *
 * One call of a model never reports what was used by a tool or agent that runs below it: that explains only what spans
 * further up report.
 *
 * Of twins, see `findTwinCalls`, the outer counts as if the inner were below it. Both explain what the spans above each of
 * them report, and from where they meet they do so once.
 */
export function* countUsageOnceInSteps(
  tree: SpanTree,
  usages: readonly (SpanUsage | undefined)[],
  twins: readonly TwinCall[] = [],
  kinds: readonly SpanKind[] = [],
): Generator<void, readonly (TokenCounts | undefined)[]> {
  let steps = 0;
  const counted: (TokenCounts | undefined)[] = new Array(tree.spans.length);
  const below: (Sum | undefined)[] = new Array(tree.spans.length);
  // Of tools and agents below a span; apart from the rest for as long as a call of a model may come above them.
  const beside: (Sum | undefined)[] = new Array(tree.spans.length);
  const told: (Sum | undefined)[] = new Array(twins.length === 0 ? 0 : tree.spans.length);
  const repeated = new Map<number, Sum>();
  const count = (position: number, usage: SpanUsage, subtree: Sum) => {
    counted[position] = countOwn(usage, subtree);
    return subtree;
  };
  // The last of a chain first.
  for (const { outer, inner, meet } of twins.toSorted((a, b) => b.inner - a.inner)) {
    if (++steps % ITEMS_PER_STEP === 0) yield;
    const last = told[inner] ?? count(inner, usages[inner] as SpanUsage, noSum());
    told[inner] = last;
    told[outer] = count(outer, usages[outer] as SpanUsage, { ...last });
    if (meet === -1) continue;
    const sum = repeated.get(meet);
    if (sum === undefined) repeated.set(meet, { ...last });
    else addSum(sum, last);
  }
  const addTo = (sums: (Sum | undefined)[], position: number, added: Sum | undefined) => {
    if (added === undefined) return;
    const sum = sums[position];
    // The first child's sum goes on as its parent's: nobody asks for the child's again.
    if (sum === undefined) sums[position] = added;
    else addSum(sum, added);
  };
  for (const position of tree.bottomUp) {
    if (++steps % ITEMS_PER_STEP === 0) yield;
    const usage = usages[position];
    const twice = repeated.get(position);
    if (twice !== undefined) takeOff(below[position], beside[position], twice);
    if (told[position] !== undefined) {
      below[position] = told[position];
    } else if (usage !== undefined) {
      if (kinds[position] !== "llm") {
        addTo(below, position, beside[position]);
        beside[position] = undefined;
      }
      below[position] = count(position, usage, below[position] ?? noSum());
    }
    const parent = tree.parents[position] as number;
    if (parent === -1) continue;
    addTo(isOwnWork(kinds[position]) ? beside : below, parent, below[position]);
    addTo(beside, parent, beside[position]);
  }
  return counted;
}

/**
 * What a span adds to what was counted below it.
 *
 * @param subtree what was counted below; made what was counted with it
 */
export function countOwn({ own }: SpanUsage, subtree: Sum): TokenCounts {
  const moved = movedToCache(own, subtree);
  const rest = remainder(own, subtree, moved);
  addTokenCounts(subtree, rest);
  subtree.vague = namesCache(own) ? subtree.vague - moved : addTokens(subtree.vague, rest.uncached);
  return rest;
}

export function addSum(sum: Sum, added: Sum): void {
  addTokenCounts(sum, added);
  sum.vague = addTokens(sum.vague, added.vague);
}

export function noSum(): Sum {
  return { ...noTokens(), vague: 0 };
}

/** Takes `part`, which is in them twice, off once: off the one where it is whole. */
function takeOff(below: Sum | undefined, beside: Sum | undefined, part: Sum): void {
  const sum = below !== undefined && below.total >= part.total ? below : beside;
  if (sum === undefined) return;
  for (const field of Object.keys(sum) as (keyof Sum)[]) sum[field] = Math.max(0, sum[field] - part[field]);
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
    audioInput: own.audioInput > explained.audioInput ? own.audioInput - explained.audioInput : 0,
    audioCacheRead:
      own.audioCacheRead > explained.audioCacheRead ? own.audioCacheRead - explained.audioCacheRead : 0,
    audioOutput: own.audioOutput > explained.audioOutput ? own.audioOutput - explained.audioOutput : 0,
    longCacheWrite:
      own.longCacheWrite > explained.longCacheWrite ? own.longCacheWrite - explained.longCacheWrite : 0,
  };
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
  // Few spans have any of these.
  if (counts.audioInput !== 0) sum.audioInput = addTokens(sum.audioInput, counts.audioInput);
  if (counts.audioCacheRead !== 0) sum.audioCacheRead = addTokens(sum.audioCacheRead, counts.audioCacheRead);
  if (counts.audioOutput !== 0) sum.audioOutput = addTokens(sum.audioOutput, counts.audioOutput);
  if (counts.longCacheWrite !== 0) sum.longCacheWrite = addTokens(sum.longCacheWrite, counts.longCacheWrite);
}
