import type { OtlpSpan } from "@es/otlp";
import { type ContentSide, mayHaveContent, type ReadValue, readContent } from "../content/readContent.js";
import type { ContentRule } from "../conventions/convention.js";
import { rules } from "../conventions/conventions.js";
import type { SpanFacts, TraceFacts } from "../spans/spanFacts.js";
import type { SpanKind } from "../traceProjection.js";

export interface ContentCandidate {
  readonly span: OtlpSpan;
  readonly rule: ContentRule;
  readonly value: ReadValue;
}

/** Told of a value that a rule for spans without parent found further down. */
export type RefusedContent = (candidate: ContentCandidate) => void;

/** Spans of these kinds give an input or output only where no other does. */
export const asideKinds: ReadonlySet<SpanKind> = new Set(["evaluator", "guardrail", "tool"]);

const tried = { input: byWeakness("input"), output: byWeakness("output") } as const;

function byWeakness(side: ContentSide) {
  const [strong, weak]: [ContentRule[], ContentRule[]] = [[], []];
  for (const rule of rules[side]) (rule.weak === true ? weak : strong).push(rule);
  return { strong, weak };
}

/**
 * Every value that may be the trace's input or output, the one to take first: what the speaker says, then the others by
 * start (input) or by end, the last first (output). Values of weak rules come after all others. Read as far as asked.
 */
export function* contentCandidates(
  side: ContentSide,
  { speaker, others }: TraceFacts,
  refused?: RefusedContent,
): Generator<ContentCandidate, undefined> {
  let ordered: readonly SpanFacts[] | undefined;
  for (const fieldRules of [tried[side].strong, tried[side].weak]) {
    if (speaker !== undefined) yield* contentsOf(speaker, side, fieldRules, refused);
    ordered ??= side === "input" ? others : lastEndingFirst(others);
    for (const aside of [false, true]) {
      for (const facts of ordered) {
        if (asideKinds.has(facts.kind) !== aside || !mayHaveContent(facts.span, side)) continue;
        yield* contentsOf(facts, side, fieldRules, refused);
      }
    }
  }
}

function* contentsOf(
  { span, isTop }: SpanFacts,
  side: ContentSide,
  fieldRules: readonly ContentRule[],
  refused: RefusedContent | undefined,
): Generator<ContentCandidate, undefined> {
  for (const rule of fieldRules) {
    const isRefused = rule.topOnly === true && !isTop;
    if (isRefused && refused === undefined) continue;
    const value = readContent(span, rule, side);
    if (value === undefined) continue;
    if (isRefused) refused?.({ span, rule, value });
    else yield { span, rule, value };
  }
}

/** From the one that ended last. Ties: the later start, then the smaller span id. */
function lastEndingFirst(facts: readonly SpanFacts[]): readonly SpanFacts[] {
  return facts.toSorted(({ span: a }, { span: b }) => {
    if (a.endTimeUnixNano !== b.endTimeUnixNano) return a.endTimeUnixNano > b.endTimeUnixNano ? -1 : 1;
    if (a.startTimeUnixNano !== b.startTimeUnixNano) {
      return a.startTimeUnixNano > b.startTimeUnixNano ? -1 : 1;
    }
    return a.spanId < b.spanId ? -1 : a.spanId > b.spanId ? 1 : 0;
  });
}
