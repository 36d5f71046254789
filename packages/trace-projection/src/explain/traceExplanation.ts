import type { NoNameReason } from "../conventions/ruleValue.js";
import type { CostReason, Json, SpanKind } from "../traceProjection.js";

/**
 * Why a value that was there did not become the field's, or did not add to it.
 *
 * | reason | |
 * |---|---|
 * | `lower-precedence-rule` | a rule that comes before it found a value in the same span |
 * | `not-root` | the root, which is asked first, has a value |
 * | `later-span` | a span that started earlier has one |
 * | `ended-earlier` | a span that ended later has one |
 * | `aside-kind` | of a tool, guardrail or evaluation, which are asked last |
 * | `weak` | of a rule that is asked only where no other finds anything in the trace |
 * | `not-top` | of a rule for spans that no other is above |
 * | `parent-missing` | the span names a parent that has not arrived, and another span is the root |
 * | `zero-timestamp` | the time is 0, which is unknown |
 * | `repeated` | the list has it already |
 * | `undated-name` | the model is listed by its dated name |
 * | `over-limit` | beyond the limits of the handler, or of what can be counted, 2⁵³ − 1 |
 * | `same-when-cut` | a metadata key that the limits cut to one that is there |
 * | `empty`, `no-name` | an empty text, or a structured value, names nothing |
 * | `condition-not-met` | the rule asks for another attribute to have a certain value |
 * | `says-nothing` | a value the rule excludes, such as a framework's name where a provider should be |
 * | `names-service` | it is the name of the span's own service |
 * | `slower-call`, `later-first-token` | another first token took less time, or came earlier |
 * | `early-first-token` | it is before the start of its span |
 * | `no-start-time` | the start of its span is unknown, and so is the instant |
 * | `failed-later` | another span failed earlier |
 * | `outer-span` | a span further in failed at the same instant |
 * | `already-counted-below` | descendants count it |
 * | `twin-call` | another instrumentation's span over the same call counts it |
 * | `zero` | it adds nothing |
 * | `covered-by-reported-cost` | a reported cost stands for it |
 * | `no-usage`, `no-model`, `unknown-model`, `no-token-price` | it could not be priced |
 */
export type LosingReason =
  | "lower-precedence-rule"
  | "not-root"
  | "later-span"
  | "ended-earlier"
  | "aside-kind"
  | "weak"
  | "not-top"
  | "parent-missing"
  | "zero-timestamp"
  | "repeated"
  | "undated-name"
  | "over-limit"
  | "same-when-cut"
  | NoNameReason
  | "slower-call"
  | "later-first-token"
  | "early-first-token"
  | "no-start-time"
  | "failed-later"
  | "outer-span"
  | "already-counted-below"
  | "twin-call"
  | "zero"
  | "covered-by-reported-cost"
  | CostReason;

/** A value that a rule found. */
export interface ExplainedCandidate {
  readonly spanId: string;
  readonly spanName: string;
  /** What the span does: some fields ask tools, guardrails and evaluations last. */
  readonly spanKind: SpanKind;
  /** The attribute, event or span field. Empty where a sum was worked out from others. */
  readonly key: string;
  readonly ruleId: string;
  /** Whose rule it is; `null` for one that holds whatever the convention. */
  readonly convention: string | null;
  /** As text; what is no text as JSON. */
  readonly value: string;
  /** `value` is but the start of it. */
  readonly shortened?: true;
}

export interface LosingCandidate extends ExplainedCandidate {
  readonly reason: LosingReason;
  /** The spans that count it instead, the first few of them, where the reason is that others do. */
  readonly by?: readonly string[];
}

/** What one span adds to a sum: tokens, spans, or USD, as decimals without exponent. */
export interface SumPart extends ExplainedCandidate {
  /** What the span says itself. */
  readonly own: string;
  /** How much of it counts. Negative where it takes back what was counted below in a dearer class. */
  readonly counted: string;
  /** Why not all of it counts. */
  readonly reason?: LosingReason;
  readonly by?: readonly string[];
}

/** `Σ parts.counted + moreCounted + remainder` is the field's value. */
export interface ExplainedSum {
  /** In the order of the trace. */
  readonly parts: readonly SumPart[];
  /** Parts that are not listed, and what they add up to. */
  readonly moreParts: number;
  readonly moreCounted: string;
  /**
   * What no part has: of `usage.totalTokens` input and output where spans that report no total have more than those that
   * do; of tokens what is beyond 2⁵³ − 1; of a cost what rounding to the picodollar, or to no less than 0, changes.
   */
  readonly remainder: string;
}

export interface FieldExplanation {
  /** As in the projection, and in its `provenance`: `input`, `models[0]`, `usage.inputTokens`, `metadata.tier`. */
  readonly field: string;
  /** The projection's; of `input` and `output` the `text`, of a cost the `amount`. */
  readonly value: Json;
  /** Texts in `value` are but the start of theirs. */
  readonly shortened?: true;
  /** What gave it; of a sum its first part. `null` where nothing did, and of a list, whose items have their own. */
  readonly winner: ExplainedCandidate | null;
  /** Fields it follows from. */
  readonly from?: readonly string[];
  /** In the order in which the rules would have taken them; then those that no rule would have. */
  readonly losers: readonly LosingCandidate[];
  /** Losers that are not listed. */
  readonly moreLosers: number;
  readonly sum?: ExplainedSum;
}

/** Where everything a projection says comes from, and what it could have said instead. */
export interface TraceExplanation {
  readonly traceId: string;
  /** Of how many spans. */
  readonly spanCount: number;
  readonly fields: readonly FieldExplanation[];
}
