import type { OtlpSpan } from "@es/otlp";
import { modelsOf } from "../selection/names.js";
import { oncePerSpan } from "../spans/foldedSpan.js";
import { NearestAbove } from "../spans/nearestAbove.js";
import type { SpanTree } from "../spans/spanTree.js";
import { ITEMS_PER_STEP, runToEnd } from "../steps.js";
import { addTokens, type SpanUsage, type TokenCounts } from "./spanUsage.js";

/** One call of which two instrumentations made a span each, neither above the other. Spans are named by their position. */
export interface TwinCall {
  /** The one that started first. */
  readonly outer: number;
  readonly inner: number;
  /** The nearest span above both; -1 if there is none. */
  readonly meet: number;
}

/** So many calls that start after one are looked at for its twin: two instrumentations start one almost at once. */
const LOOK_AHEAD = 16;
const CALLS_PER_STEP = 100;

/**
 * Finds twins among the spans that report usage themselves, with none below them that does: two of different
 * instrumentations, with the same input and output, of one model as far as both name it, that ran at the same time for at
 * least half of the longer. A span has at most one twin after it; three instrumentations of one call are a chain.
 */
export function findTwinCalls(...of: Parameters<typeof findTwinCallsInSteps>): readonly TwinCall[] {
  return runToEnd(findTwinCallsInSteps(...of));
}

/** {@link findTwinCalls} in steps. */
export function* findTwinCallsInSteps(
  tree: SpanTree,
  usages: readonly (SpanUsage | undefined)[],
): Generator<void, readonly TwinCall[]> {
  const calls = yield* callsOf(tree, usages);
  if (calls.size === 0) return [];
  yield;
  const nearest = new NearestAbove(tree);
  const twins: TwinCall[] = [];
  for (const equal of calls.values()) {
    for (const { outer, inner } of yield* pairs(equal)) {
      if (twins.length % ITEMS_PER_STEP === 0) yield;
      const [a, b] = [outer.position, inner.position];
      twins.push({ outer: a, inner: b, meet: nearest.of(a, b) });
    }
  }
  return twins;
}

/** @param calls with equal tokens, as they started */
function* pairs(
  calls: readonly Call[],
): Generator<void, readonly { readonly outer: Call; readonly inner: Call }[]> {
  const found: { outer: Call; inner: Call }[] = [];
  const taken = new Set<Call>();
  // The instrumentations that already tell of a call, by its last span. A call has one span after it at most, so one set
  // is enough for all its spans.
  const told = new Map<Call, Set<string>>();
  for (const [index, outer] of calls.entries()) {
    if (index % CALLS_PER_STEP === CALLS_PER_STEP - 1) yield;
    const scopes = told.get(outer) ?? new Set([outer.scope]);
    let best: Call | undefined;
    let longest = 0;
    const end = Math.min(calls.length, index + 1 + LOOK_AHEAD);
    for (let next = index + 1; next < end; next++) {
      const inner = calls[next] as Call;
      if (inner.start >= outer.end) break;
      const together = Math.min(outer.end, inner.end) - inner.start;
      const longer = Math.max(outer.end - outer.start, inner.end - inner.start);
      if (together <= longest || together * 2 < longer) continue;
      if (taken.has(inner) || scopes.has(inner.scope) || !isOneModel(outer, inner)) continue;
      best = inner;
      longest = together;
    }
    if (best === undefined) continue;
    taken.add(best);
    told.set(best, scopes.add(best.scope));
    found.push({ outer, inner: best });
  }
  return found;
}

interface Call {
  readonly position: number;
  readonly span: OtlpSpan;
  readonly scope: string;
  /** Nanoseconds after the earliest call's start. */
  readonly start: number;
  readonly end: number;
  models?: readonly string[];
}

/** By their tokens, in the order of the tree, which is as they started. None unless two instrumentations report usage. */
function* callsOf(
  tree: SpanTree,
  usages: readonly (SpanUsage | undefined)[],
): Generator<void, ReadonlyMap<string, readonly Call[]>> {
  const calls = new Map<string, Call[]>();
  if (!isOfSeveral(tree, usages)) return calls;
  const reportsBelow = new Uint8Array(tree.spans.length);
  for (const position of tree.bottomUp) {
    const parent = tree.parents[position] as number;
    if (parent !== -1 && (usages[position] !== undefined || reportsBelow[position] === 1)) {
      reportsBelow[parent] = 1;
    }
  }
  const origin = tree.spans[0]?.startTimeUnixNano ?? 0n;
  for (const [position, usage] of usages.entries()) {
    if (position % ITEMS_PER_STEP === 0) yield;
    const span = tree.spans[position] as OtlpSpan;
    if (usage === undefined || reportsBelow[position] === 1 || span.startTimeUnixNano === 0n) continue;
    const input = inputOf(usage.own);
    if (input + usage.own.output === 0) continue;
    const call: Call = {
      position,
      span,
      scope: scopeNameOf(span),
      start: Number(span.startTimeUnixNano - origin),
      end: Number(span.endTimeUnixNano - origin),
    };
    const tokens = `${input} ${usage.own.output}`;
    const equal = calls.get(tokens);
    if (equal === undefined) calls.set(tokens, [call]);
    else equal.push(call);
  }
  return calls;
}

/** Whether spans of more than one instrumentation report usage. */
function isOfSeveral({ spans }: SpanTree, usages: readonly (SpanUsage | undefined)[]): boolean {
  let first: string | undefined;
  for (const [position, usage] of usages.entries()) {
    if (usage === undefined) continue;
    const name = scopeNameOf(spans[position] as OtlpSpan);
    first ??= name;
    if (name !== first) return true;
  }
  return false;
}

export const scopeNameOf = oncePerSpan(({ scope }) => scope.name);

/** All input. */
export function inputOf({ uncached, cacheRead, cacheWrite }: TokenCounts): number {
  return addTokens(uncached, addTokens(cacheRead, cacheWrite));
}

function isOneModel(a: Call, b: Call): boolean {
  a.models ??= modelsOf(a.span);
  b.models ??= modelsOf(b.span);
  if (a.models.length === 0 || b.models.length === 0) return true;
  return a.models.some((one) => b.models?.some((other) => one.startsWith(other) || other.startsWith(one)));
}
