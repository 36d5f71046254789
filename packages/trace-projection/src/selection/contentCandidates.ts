import { compareIds } from "@es/core/adapter";
import type { OtlpSpan } from "@es/otlp";
import type { BoundedContent } from "../content/boundContent.js";
import { type ContentSide, mayHaveContent, type ReadValue, readContent } from "../content/readContent.js";
import { candidateRules } from "../conventions/candidateRules.js";
import type { ContentRule } from "../conventions/convention.js";
import { rules } from "../conventions/conventions.js";
import { FoldedSpan, SpanMark } from "../spans/foldedSpan.js";
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

interface ContentReads {
  readonly rules: readonly ContentRule[];
  /** Folded spans in which these rules found nothing, where another span is above them. */
  readonly empty: SpanMark;
  /** The same of those without one above. */
  readonly emptyAtTop: SpanMark;
}

function byWeakness(side: ContentSide) {
  const of = (weak: boolean): ContentReads => ({
    rules: rules[side].filter((rule) => (rule.weak === true) === weak),
    empty: new SpanMark(),
    emptyAtTop: new SpanMark(),
  });
  return { strong: of(false), weak: of(true) };
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
  for (const reads of [tried[side].strong, tried[side].weak]) {
    if (speaker !== undefined) yield* contentsOf(speaker, side, reads, refused);
    for (const aside of [false, true]) {
      const asked = others.filter(
        (facts) => asideKinds.has(facts.kind) === aside && !holdsNone(facts, side, reads),
      );
      for (const facts of side === "input" ? asked : lastEndingFirst(asked)) {
        if (mayHaveContent(facts.span, side)) yield* contentsOf(facts, side, reads, refused);
      }
    }
  }
}

/** The content of a trace: as it was read, or as it was kept within the limits when it was read before. */
export type FoundContent = {
  readonly span: OtlpSpan;
  readonly rule: ContentRule;
  /** Keeps it within the limits for the next time, where the span stays. */
  readonly keep?: (bounded: BoundedContent) => void;
} & (
  | { readonly value: ReadValue; readonly bounded?: undefined }
  | { readonly value?: undefined; readonly bounded: BoundedContent }
);

/** The content of the trace's speaker, or of whoever is asked alone, by the strong or the weak rules. */
export function contentOf(facts: SpanFacts, side: ContentSide, weak: boolean): FoundContent | undefined {
  const { span, isTop } = facts;
  const folded = span instanceof FoldedSpan ? span : undefined;
  const kept = folded?.contents?.get(side) as KeptContent | undefined;
  if (kept !== undefined && kept.weak === weak && kept.isTop === isTop) return { span, ...kept.found };
  for (const found of contentsOf(facts, side, tried[side][weak ? "weak" : "strong"], undefined)) {
    if (folded === undefined) return found;
    const { rule } = found;
    const keep = (bounded: BoundedContent) => {
      folded.keepContent(side, { weak, isTop, found: { rule, bounded } } satisfies KeptContent);
    };
    return { ...found, keep };
  }
  return undefined;
}

/** What a folded span has for the trace, as long as its data stays. */
interface KeptContent {
  readonly weak: boolean;
  readonly isTop: boolean;
  readonly found: { readonly rule: ContentRule; readonly bounded: BoundedContent };
}

/** The folded spans of which it is not known that they hold nothing, as they are asked: for an input as they stand, for an output the one that ended last first. */
export function askedInOrder(
  some: readonly SpanFacts[],
  side: ContentSide,
  weak: boolean,
  aside: boolean,
): readonly SpanFacts[] {
  const asked = some.filter(
    (facts) => asideKinds.has(facts.kind) === aside && !isKnownEmpty(facts, side, weak),
  );
  // Those of an input stand in their order.
  return side === "input" ? asked : asked.sort(compareEnds);
}

/** Whether a folded span has been looked at before, and holds nothing. */
export function isKnownEmpty(facts: SpanFacts, side: ContentSide, weak: boolean): boolean {
  return holdsNone(facts, side, tried[side][weak ? "weak" : "strong"]);
}

function holdsNone({ span, isTop }: SpanFacts, side: ContentSide, reads: ContentReads): boolean {
  if (!(span instanceof FoldedSpan)) return false;
  return !mayHaveContent(span, side) || (isTop ? reads.emptyAtTop : reads.empty).has(span);
}

function* contentsOf(
  { span, isTop }: SpanFacts,
  side: ContentSide,
  reads: ContentReads,
  refused: RefusedContent | undefined,
): Generator<ContentCandidate, undefined> {
  const empty = isTop ? reads.emptyAtTop : reads.empty;
  if (refused === undefined && empty.has(span)) return;
  let isEmpty = refused === undefined;
  for (const rule of candidateRules(span, reads.rules)) {
    const isRefused = rule.topOnly === true && !isTop;
    if (isRefused && refused === undefined) continue;
    const value = readContent(span, rule, side);
    if (value === undefined) continue;
    isEmpty = false;
    if (isRefused) refused?.({ span, rule, value });
    else yield { span, rule, value };
  }
  if (isEmpty) empty.add(span);
}

/** From the one that ended last. That is mostly enough: only who asks for more has them sorted. */
function* lastEndingFirst(facts: readonly SpanFacts[]): Generator<SpanFacts, undefined> {
  let last: SpanFacts | undefined;
  for (const one of facts) if (last === undefined || compareEnds(one, last) < 0) last = one;
  if (last === undefined) return;
  yield last;
  for (const one of facts.toSorted(compareEnds)) if (one !== last) yield one;
}

/** The one that ended later is first. Ties: the later start, then the smaller span id. */
export function compareEnds({ span: a }: SpanFacts, { span: b }: SpanFacts): number {
  if (a.endTimeUnixNano !== b.endTimeUnixNano) return a.endTimeUnixNano > b.endTimeUnixNano ? -1 : 1;
  if (a.startTimeUnixNano !== b.startTimeUnixNano) {
    return a.startTimeUnixNano > b.startTimeUnixNano ? -1 : 1;
  }
  return compareIds(a.spanId, b.spanId);
}
