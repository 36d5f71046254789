import type { OtlpSpan } from "@es/otlp";
import type { ContentSide } from "../content/readContent.js";
import { rules } from "../conventions/conventions.js";
import type { OwnPrices } from "../cost/ownPrices.js";
import { type CostSummary, costOf, summarizeCost } from "../cost/traceCost.js";
import { contentCandidates, type FoundContent } from "../selection/contentCandidates.js";
import { type FirstToken, findFirstToken } from "../selection/firstToken.js";
import {
  distinctNames,
  distinctServices,
  type FirstNameField,
  type FoundName,
  firstName,
  type NameField,
} from "../selection/names.js";
import { visitMetadata, visitTags } from "../selection/tagsAndMetadata.js";
import { type TraceTimes, timesOf } from "../selection/traceTimes.js";
import { failedBefore, hasFailed } from "../spans/spanError.js";
import { readTraceFacts, type SpanFacts, type TraceFacts } from "../spans/spanFacts.js";
import type { SpanTree } from "../spans/spanTree.js";
import type { Provenance, RootKind, SpanKind } from "../traceProjection.js";
import { sumUsage, type UsageSum } from "../usage/usageSum.js";
import type { TraceReading } from "./traceReading.js";

/** A trace read from all its spans at once. */
export class WholeReading implements TraceReading {
  readonly spanCount: number;
  readonly root: OtlpSpan | undefined;
  readonly rootKind: RootKind;
  readonly cyclicSpans: number;
  readonly times: TraceTimes;
  readonly errorCount: number;
  readonly firstError: OtlpSpan | undefined;
  readonly #tree: SpanTree;
  readonly #trace: TraceFacts;
  readonly #prices: OwnPrices;

  constructor(tree: SpanTree, prices: OwnPrices, trace: TraceFacts = readTraceFacts(tree)) {
    const errors = tree.spans.filter(hasFailed);
    this.spanCount = tree.spans.length;
    this.root = tree.spans[tree.root];
    this.rootKind = tree.rootKind;
    this.cyclicSpans = tree.cyclic;
    this.times = timesOf(tree.spans);
    this.errorCount = errors.length;
    this.firstError = firstOf(errors);
    this.#tree = tree;
    this.#trace = trace;
    this.#prices = prices;
  }

  get usage(): UsageSum {
    return sumUsage(this.#trace.facts);
  }

  get cost(): CostSummary {
    const { facts, twins } = this.#trace;
    return summarizeCost(costOf(this.#tree, facts, this.times.start, twins, this.#prices), facts);
  }

  get firstToken(): FirstToken {
    return findFirstToken(this.#tree.spans);
  }

  get droppedByEmitter(): number {
    return droppedIn(this.#tree.spans);
  }

  get kinds(): Partial<Record<SpanKind, number>> {
    return countKinds(this.#trace.facts);
  }

  // biome-ignore lint/correctness/useYield: as the interface has it; a trace that is read as a whole is read at once.
  *content(side: ContentSide): Generator<void, FoundContent | undefined> {
    for (const candidate of contentCandidates(side, this.#trace)) return candidate;
    return undefined;
  }

  distinctNames(field: NameField): Map<string, Provenance> {
    return distinctNames(this.#trace.facts, rules[field]);
  }

  distinctServices(): Map<string, Provenance> {
    return distinctServices(this.#trace.facts);
  }

  firstName(field: FirstNameField): FoundName | undefined {
    return firstName(this.#trace.rootFirst, rules[field]);
  }

  *visitTags(visit: Parameters<TraceReading["visitTags"]>[0]): Generator<void, void> {
    for (const { span } of this.#trace.rootFirst) {
      yield;
      visitTags(span, (tag, rule, tooDeep) => visit(tag, rule, span, tooDeep));
    }
  }

  *visitMetadata(visit: Parameters<TraceReading["visitMetadata"]>[0]): Generator<void, void> {
    for (const { span } of this.#trace.rootFirst) {
      yield;
      visitMetadata(span, (key, value, rule) => visit(key, value, rule, span));
    }
  }
}

/** The first to fail. Of those that failed at one instant the innermost: it started last. */
export function firstOf<TSpan extends OtlpSpan>(errors: readonly TSpan[]): TSpan | undefined {
  let first: TSpan | undefined;
  for (const span of errors) if (first === undefined || failedBefore(span, first)) first = span;
  return first;
}

export function countKinds(facts: readonly SpanFacts[]): Partial<Record<SpanKind, number>> {
  const counts: Partial<Record<SpanKind, number>> = {};
  for (const { kind } of facts) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

export function droppedIn(spans: readonly OtlpSpan[]): number {
  let dropped = 0;
  for (const span of spans) {
    dropped += span.droppedAttributesCount + span.droppedEventsCount + span.droppedLinksCount;
  }
  return dropped;
}
