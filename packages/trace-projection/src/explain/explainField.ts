import type { OtlpSpan } from "@es/otlp";
import { Abridged } from "../attributes/abridged.js";
import { type ContentLimits, cutJson, cutText, jsonSize } from "../content/contentLimits.js";
import { conventionOf } from "../conventions/conventions.js";
import type { OwnPrices } from "../cost/ownPrices.js";
import type { TraceFacts } from "../spans/spanFacts.js";
import type { SpanTree } from "../spans/spanTree.js";
import type { Json, SpanKind, TraceProjection } from "../traceProjection.js";
import type {
  ExplainedCandidate,
  ExplainedSum,
  FieldExplanation,
  LosingCandidate,
  LosingReason,
} from "./traceExplanation.js";

/** A trace that is explained, and how much is said about it. */
export interface ExplainedTrace {
  readonly tree: SpanTree;
  readonly trace: TraceFacts;
  readonly kinds: ReadonlyMap<OtlpSpan, SpanKind>;
  readonly projection: TraceProjection;
  readonly limits: ContentLimits;
  readonly prices: OwnPrices;
  /** Losers, and parts of a sum, per field. */
  readonly candidates: number;
  /** Characters of a value. */
  readonly valueCharacters: number;
}

/** What a rule found, before it is written down. */
export interface FoundValue {
  readonly span: OtlpSpan;
  readonly key: string;
  readonly ruleId: string;
  readonly value: Json;
}

export function candidateOf(
  { kinds, valueCharacters }: ExplainedTrace,
  { span, key, ruleId, value }: FoundValue,
): ExplainedCandidate {
  const text = (
    typeof value === "string" ? value : value instanceof Abridged ? value.text : JSON.stringify(value)
  ).toWellFormed();
  const kept = cutText(text, valueCharacters);
  return {
    spanId: span.spanId,
    spanName: cutText(span.name.toWellFormed(), valueCharacters),
    spanKind: kinds.get(span) ?? "internal",
    key: cutText(key.toWellFormed(), valueCharacters),
    ruleId,
    convention: conventionOf(ruleId),
    value: kept,
    ...(kept.length < text.length ? { shortened: true as const } : {}),
  };
}

/** The losers of one field: the first are written down, the rest counted. */
export class Losers {
  readonly #of: ExplainedTrace;
  readonly #kept: LosingCandidate[] = [];
  #more = 0;

  constructor(of: ExplainedTrace) {
    this.#of = of;
  }

  /** @param by asked for only where the loser is written down */
  add(found: FoundValue, reason: LosingReason, by?: () => readonly string[]): void {
    if (this.#kept.length >= this.#of.candidates) {
      this.#more++;
      return;
    }
    const others = by?.() ?? [];
    this.#kept.push({
      ...candidateOf(this.#of, found),
      reason,
      ...(others.length === 0 ? {} : { by: others }),
    });
  }

  get kept(): readonly LosingCandidate[] {
    return this.#kept;
  }

  get more(): number {
    return this.#more;
  }
}

export interface FieldDetails {
  readonly winner?: FoundValue | undefined;
  readonly losers?: Losers;
  readonly from?: readonly string[];
  readonly sum?: ExplainedSum;
}

export function fieldOf(
  of: ExplainedTrace,
  field: string,
  value: Json,
  { winner, losers, from, sum }: FieldDetails,
): FieldExplanation {
  const size = typeof value === "string" ? value.length : jsonSize(value);
  const isWhole = size <= of.valueCharacters || typeof value === "number";
  return {
    field,
    value: isWhole
      ? value
      : typeof value === "string"
        ? cutText(value, of.valueCharacters)
        : cutJson(value, of.valueCharacters),
    ...(isWhole ? {} : { shortened: true as const }),
    winner: winner === undefined ? null : candidateOf(of, winner),
    ...(from === undefined ? {} : { from }),
    losers: losers?.kept ?? [],
    moreLosers: losers?.more ?? 0,
    ...(sum === undefined ? {} : { sum }),
  };
}

/** Why what `loser` says was not taken where the root is asked first, then the spans as they started. */
export function afterRoot({ tree }: ExplainedTrace, winner: OtlpSpan, loser: OtlpSpan): LosingReason {
  if (winner === loser) return "lower-precedence-rule";
  return tree.rootKind !== "none" && winner === tree.spans[tree.root] ? "not-root" : "later-span";
}
