import type { OtlpSpan } from "@es/otlp";
import { attributeToCount } from "../attributes/attributeText.js";
import { attributeToObject, memberAt } from "../attributes/jsonMembers.js";
import type { AttributeRule, ReportedClass, UsageRule } from "../conventions/convention.js";
import { rules } from "../conventions/conventions.js";
import { nameBy } from "../conventions/ruleValue.js";
import type { Json, SpanKind } from "../traceProjection.js";
import { readUsageObject } from "./usageObject.js";

/**
 * Tokens, each in one class. `reasoning` is a part of `output`; `total` is at least what the others add up to. As what a
 * span adds to its trace `uncached` may be negative: see `countUsageOnceInSteps`.
 */
export interface TokenCounts {
  readonly uncached: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
  readonly total: number;
  /** Parts of `uncached`, `cacheRead`, `output` and `cacheWrite` with prices of their own: audio, and writes for an hour. */
  readonly audioInput: number;
  readonly audioCacheRead: number;
  readonly audioOutput: number;
  readonly longCacheWrite: number;
}

export function noTokens(): { -readonly [Class in keyof TokenCounts]: number } {
  return {
    uncached: 0,
    cacheRead: 0,
    cacheWrite: 0,
    output: 0,
    reasoning: 0,
    total: 0,
    audioInput: 0,
    audioCacheRead: 0,
    audioOutput: 0,
    longCacheWrite: 0,
  };
}

type UsageObject = { readonly [key: string]: Json };

/** What one span says it used. */
export interface SpanUsage {
  readonly own: TokenCounts;
  /** The rule of each class that was reported. */
  readonly rules: Readonly<Partial<Record<ReportedClass, UsageRule>>>;
}

/** Python's OpenLLMetry for Anthropic adds the cache tokens to the input before it reports it. */
const addsCacheTokens = /^opentelemetry\.instrumentation\.(anthropic|bedrock)/;

interface RankedRule extends UsageRule {
  /** Of two rules of one class the smaller counts. */
  readonly rank: number;
}

/** By key: a span has fewer attributes than there are rules. */
const usageRules: ReadonlyMap<string, readonly RankedRule[]> = rankedByKey();

function rankedByKey(): ReadonlyMap<string, readonly RankedRule[]> {
  const byKey = new Map<string, RankedRule[]>();
  for (const [rank, rule] of rules.usage.entries()) {
    const ranked = { ...rule, rank };
    const others = byKey.get(rule.key);
    if (others === undefined) byKey.set(rule.key, [ranked]);
    else others.push(ranked);
  }
  return byKey;
}

/** Calls `visit` with each count an attribute of the span gives by any rule, whether {@link readSpanUsage} takes it or not. */
export function visitUsage(span: OtlpSpan, visit: (rule: UsageRule, count: number) => void): void {
  for (const [key, value] of span.attributes) {
    for (const rule of usageRules.get(key) ?? []) {
      const count = isOfObject(rule) ? countIn(attributeToObject(value), rule) : attributeToCount(value);
      if (count !== undefined) visit(rule, count);
    }
  }
}

function isOfObject({ members, details }: UsageRule): boolean {
  return members !== undefined || details === true;
}

/** What a usage object says of the rule's class. */
function countIn(object: UsageObject | undefined, rule: UsageRule): number | undefined {
  if (object === undefined) return undefined;
  return rule.details === true ? readOnce(object)[rule.class] : countMembers(object, rule.members ?? []);
}

let lastRead:
  | { readonly object: UsageObject; readonly reported: ReturnType<typeof readUsageObject> }
  | undefined;

/** The rules of one attribute come one after the other. */
function readOnce(object: UsageObject): ReturnType<typeof readUsageObject> {
  if (lastRead?.object !== object) lastRead = { object, reported: readUsageObject(object) };
  return lastRead.reported;
}

/** The sum of the members that are counts; undefined if none is. */
function countMembers(object: UsageObject, members: readonly string[]): number | undefined {
  let sum: number | undefined;
  for (const member of members) {
    const value = memberAt(object, member);
    const count =
      typeof value === "number" || typeof value === "string" ? attributeToCount(value) : undefined;
    if (count !== undefined) sum = addTokens(sum ?? 0, count);
  }
  return sum;
}

/** Sums stay whole numbers, and the same in every order, by stopping at 2⁵³ − 1. */
export function addTokens(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER);
}

/**
 * The usage a span reports, in the normal classes; undefined if it reports none. One alias counts once.
 *
 * @param kind of an embedding a total alone is all input
 */
export function readSpanUsage(span: OtlpSpan, kind: SpanKind): SpanUsage | undefined {
  const reported: Partial<Record<ReportedClass, number>> = {};
  const used: Partial<Record<ReportedClass, RankedRule>> = {};
  let any = false;
  for (const [key, value] of span.attributes) {
    const candidates = usageRules.get(key);
    if (candidates === undefined) continue;
    let object: ReturnType<typeof attributeToObject> | null = null;
    for (const rule of candidates) {
      const other = used[rule.class];
      if (other !== undefined && other.rank < rule.rank) continue;
      if (isOfObject(rule) && object === null) object = attributeToObject(value);
      const count = isOfObject(rule) ? countIn(object ?? undefined, rule) : attributeToCount(value);
      if (count === undefined) continue;
      reported[rule.class] = count;
      used[rule.class] = rule;
      any = true;
    }
  }
  if (!any) return undefined;
  if (kind === "embedding" && reported.total !== undefined && (reported.input ?? 0) === 0) {
    reported.input = reported.total;
    if (used.total !== undefined) used.input = used.total;
  }

  const cacheRead = reported.cacheRead ?? 0;
  const cacheWrite = reported.cacheWrite ?? 0;
  const cached = addTokens(cacheRead, cacheWrite);
  const input = reported.input ?? 0;
  const reasoning = reported.reasoning ?? 0;
  const reportedOutput = reported.output ?? reported.unreasoned ?? 0;

  const uncached = Math.max(
    reported.uncached ?? 0,
    reported.uncached === undefined && inputExcludesCache(span, reported, used, cached)
      ? input
      : Math.max(0, input - cached),
  );
  const excludesReasoning = reported.output === undefined || outputExcludesReasoning(reported, cached);
  const output = excludesReasoning ? addTokens(reportedOutput, reasoning) : reportedOutput;
  return {
    own: {
      uncached,
      cacheRead,
      cacheWrite,
      output,
      reasoning,
      total: Math.max(reported.total ?? 0, addTokens(addTokens(uncached, cached), output)),
      audioInput: Math.min(reported.audioInput ?? 0, uncached),
      audioCacheRead: Math.min(reported.audioCacheRead ?? 0, cacheRead),
      audioOutput: Math.min(reported.audioOutput ?? 0, output),
      longCacheWrite: Math.min(reported.longCacheWrite ?? 0, cacheWrite),
    },
    rules: used,
  };
}

/** Whether cached tokens come on top of the reported input. The arithmetic decides where it can, else who reports. */
function inputExcludesCache(
  span: OtlpSpan,
  reported: Partial<Record<ReportedClass, number>>,
  used: Partial<Record<ReportedClass, UsageRule>>,
  cached: number,
): boolean {
  const input = reported.input ?? 0;
  if (cached === 0) return true;
  if (cached > input) return true;
  if (reported.total !== undefined && reported.output !== undefined) {
    if (reported.total === input + cached + reported.output) return true;
  }
  const raw = used.cacheRead?.rawAnthropic === true || used.cacheWrite?.rawAnthropic === true;
  return raw && isAnthropic(span) && !addsCacheTokens.test(span.scope.name);
}

/** Clouds and gateways that pass the counts of Anthropic's API on. OpenAI's interface to Claude has OpenAI's counts. */
const passesAnthropicOn = /aws|amazon|bedrock|vertex|google|gcp|^gateway$/i;

function isAnthropic(span: OtlpSpan): boolean {
  const named = (fieldRules: readonly AttributeRule[], pattern: RegExp) =>
    fieldRules.some((rule) => pattern.test(nameBy(span, rule) ?? ""));
  return (
    named(rules.providers, /anthropic|claude/i) ||
    (named(rules.providers, passesAnthropicOn) && named(rules.models, /claude/i))
  );
}

/** Reasoning is a part of the output, but for emitters (Gemini's) where only the total has it. */
function outputExcludesReasoning(reported: Partial<Record<ReportedClass, number>>, cached: number): boolean {
  const reasoning = reported.reasoning ?? 0;
  const output = reported.output ?? 0;
  if (reasoning === 0) return false;
  if (reasoning > output) return true;
  const withReasoning = (reported.input ?? 0) + output + reasoning;
  return reported.total === withReasoning || (cached > 0 && reported.total === withReasoning + cached);
}
