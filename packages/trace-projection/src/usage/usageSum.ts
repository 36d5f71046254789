import type { ReportedClass } from "../conventions/convention.js";
import type { SpanFacts } from "../spans/spanFacts.js";
import { ITEMS_PER_STEP } from "../steps.js";
import { addTokenCounts } from "./countOnce.js";
import { noTokens, type TokenCounts } from "./spanUsage.js";
import { inputOf } from "./twinCalls.js";

/** The token figures of a trace: their name, the classes they are reported by, and what counted tokens add to them. */
export const usageFields: readonly (readonly [
  string,
  readonly ReportedClass[],
  (counts: TokenCounts) => number,
])[] = [
  ["inputTokens", ["input", "uncached", "cacheRead", "cacheWrite"], inputOf],
  ["outputTokens", ["output", "unreasoned", "reasoning"], (counts) => counts.output],
  ["totalTokens", ["total", "input", "output"], (counts) => counts.total],
  ["cacheReadTokens", ["cacheRead"], (counts) => counts.cacheRead],
  ["cacheWriteTokens", ["cacheWrite"], (counts) => counts.cacheWrite],
  ["reasoningTokens", ["reasoning"], (counts) => counts.reasoning],
];

/** What spans add to the tokens of their trace. */
export interface UsageSum {
  readonly tokens: TokenCounts;
  /** Of each of {@link usageFields}: how many spans add to it, and the first that does. */
  readonly contributors: readonly { readonly spans: number; readonly first: SpanFacts | undefined }[];
}

/** @param facts in the order of the tree */
export function sumUsage(facts: readonly SpanFacts[]): UsageSum {
  const tokens = noTokens();
  const contributors = usageFields.map(() => ({ spans: 0, first: undefined as SpanFacts | undefined }));
  for (const fact of facts) {
    if (fact.counted === undefined) continue;
    addTokenCounts(tokens, fact.counted);
    for (const [index, [, , amount]] of usageFields.entries()) {
      const field = contributors[index];
      if (field === undefined || amount(fact.counted) <= 0) continue;
      field.spans++;
      field.first ??= fact;
    }
  }
  return { tokens, contributors };
}

/** {@link sumUsage} in steps. */
export function* sumUsageInSteps(facts: readonly SpanFacts[]): Generator<void, UsageSum> {
  const parts: UsageSum[] = [];
  for (let from = 0; from < facts.length; from += ITEMS_PER_STEP) {
    parts.push(sumUsage(facts.slice(from, from + ITEMS_PER_STEP)));
    yield;
  }
  return joinUsage(parts);
}

/** Of parts of a trace, in the order of the tree, the sum of the whole. */
export function joinUsage(parts: readonly UsageSum[]): UsageSum {
  const tokens = noTokens();
  for (const part of parts) addTokenCounts(tokens, part.tokens);
  const contributors = usageFields.map((_, index) => {
    const fields = parts.flatMap((part) => part.contributors[index] ?? []);
    return {
      spans: fields.reduce((sum, { spans }) => sum + spans, 0),
      first: fields.find(({ first }) => first !== undefined)?.first,
    };
  });
  return { tokens, contributors };
}
