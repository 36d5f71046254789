import type { EventStream } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import {
  type ContentLimits,
  cutJson,
  cutMessages,
  cutText,
  defaultContentLimits,
  jsonSize,
} from "./content/contentLimits.js";
import type { ContentSide, ReadValue } from "./content/readContent.js";
import type { AttributeRule, ReportedClass } from "./conventions/convention.js";
import { rules } from "./conventions/conventions.js";
import { noOwnPrices, type OwnPrices } from "./cost/ownPrices.js";
import { costOf } from "./cost/traceCost.js";
import { contentCandidates } from "./selection/contentCandidates.js";
import { findFirstToken } from "./selection/firstToken.js";
import { distinctNames, distinctServices, dropUndated, firstName, firstNameIn } from "./selection/names.js";
import { visitMetadata, visitTags } from "./selection/tagsAndMetadata.js";
import { timesOf } from "./selection/traceTimes.js";
import type { SpanEvent } from "./spanEvent.js";
import { oncePerSpan } from "./spans/foldedSpan.js";
import { failedBefore, hasFailed, readSpanError } from "./spans/spanError.js";
import { readTraceFacts, type SpanFacts, type TraceFacts } from "./spans/spanFacts.js";
import { buildSpanTree, type SpanTree } from "./spans/spanTree.js";
import type {
  Json,
  Provenance,
  SpanKind,
  TraceContent,
  TraceError,
  TraceProjection,
  TraceStatus,
} from "./traceProjection.js";
import { addTokenCounts } from "./usage/countOnce.js";
import { addTokens, noTokens, type TokenCounts } from "./usage/spanUsage.js";
import { inputOf } from "./usage/twinCalls.js";

/**
 * What happened in the trace. A pure function of the set of spans: order, duplication and batching of what arrived make
 * no difference, byte for byte.
 */
export function buildTraceProjection(
  stream: EventStream<string, SpanEvent>,
  limits: ContentLimits = defaultContentLimits,
  prices: OwnPrices = noOwnPrices,
): TraceProjection {
  const tree = buildSpanTree(stream.events.map((event) => event.data));
  return buildTreeProjection(stream.aggregateId, tree, limits, prices);
}

/** {@link buildTraceProjection} of spans that stand in their tree. */
export function buildTreeProjection(
  traceId: string,
  tree: SpanTree,
  limits: ContentLimits,
  prices: OwnPrices,
): TraceProjection {
  return new ProjectionBuilder(traceId, tree, limits, prices).build();
}

const statuses: readonly TraceStatus[] = ["unset", "ok", "error"];
const statusOf = oncePerSpan(({ status }) => statuses[status.code] ?? "unset");

class ProjectionBuilder {
  readonly #traceId: string;
  readonly #tree: SpanTree;
  readonly #limits: ContentLimits;
  readonly #prices: OwnPrices;
  readonly #cuts = new Map<string, { kept: number; total: number }>();
  readonly #unparsed: string[] = [];
  readonly #provenance = new Map<string, Provenance>();
  #earlyFirstTokens = 0;

  constructor(traceId: string, tree: SpanTree, limits: ContentLimits, prices: OwnPrices) {
    this.#traceId = traceId;
    this.#tree = tree;
    this.#limits = limits;
    this.#prices = prices;
  }

  build(): TraceProjection {
    const tree = this.#tree;
    const root = tree.spans[tree.root];
    const times = timesOf(tree.spans);
    const trace = readTraceFacts(tree);
    const { facts, rootFirst } = trace;

    const usage = this.#usage(facts);
    const cost = costOf(tree, facts, times.start, trace.twins, this.#prices);
    this.#provenCost(cost.contributors, facts);
    if (times.startFrom !== undefined)
      this.#provenance.set("startTimeUnixNano", provenanceOf(times.startFrom));
    if (times.endFrom !== undefined) this.#provenance.set("endTimeUnixNano", provenanceOf(times.endFrom));
    const errors = tree.spans.filter(hasFailed);
    const rootStatus = root === undefined ? "unset" : hasFailed(root) ? "error" : statusOf(root);
    if (root !== undefined) {
      this.#provenance.set("name", { spanId: root.spanId, key: "name", ruleId: `name.${tree.rootKind}` });
    }

    const projection = {
      traceId: this.#traceId,
      name: this.#bounded("name", root?.name.toWellFormed() ?? ""),
      rootSpanId: tree.rootKind === "none" ? null : (root?.spanId ?? null),
      rootKind: tree.rootKind,
      spanCount: tree.spans.length,
      errorCount: errors.length,
      status: errors.length > 0 ? ("error" as const) : rootStatus,
      rootStatus,
      firstError: this.#firstError(errors),
      startTimeUnixNano: String(times.start),
      endTimeUnixNano: String(times.end),
      durationNano: String(times.end - times.start),
      input: this.#content("input", trace),
      output: this.#content("output", trace),
      models: this.#boundedDistinct("models", dropUndated(distinctNames(facts, rules.models))),
      providers: this.#boundedDistinct("providers", distinctNames(facts, rules.providers)),
      services: this.#boundedDistinct("services", distinctServices(facts)),
      usage,
      cost: cost.cost,
      costReason: cost.reason,
      unpricedModels: cost.unpricedModels.slice(0, this.#limits.distinct),
      priceTableVersion: cost.priceTableVersion,
      timeToFirstTokenNano: this.#firstToken(times.start),
      sessionId: this.#firstName("sessionId", rootFirst, rules.sessions),
      userId: this.#firstName("userId", rootFirst, rules.users),
      tags: this.#tags(rootFirst),
      metadata: this.#metadata(rootFirst),
      spanKinds: countKinds(facts),
    };
    this.#noteCut("unpricedModels", this.#limits.distinct, cost.unpricedModels.length);
    return {
      ...projection,
      truncated: this.#cuts.size > 0,
      flags: {
        ...times.flags,
        cyclicSpans: tree.cyclic,
        earlyFirstTokens: this.#earlyFirstTokens,
        droppedByEmitter: droppedByEmitter(tree.spans),
        unparsed: this.#unparsed,
        cuts: Object.fromEntries(this.#cuts),
      },
      provenance: Object.fromEntries(this.#provenance),
    };
  }

  #content(side: ContentSide, trace: TraceFacts): TraceContent | null {
    for (const { span, rule, value } of contentCandidates(side, trace)) {
      this.#provenance.set(side, { spanId: span.spanId, key: rule.source.key, ruleId: rule.id });
      return this.#boundedContent(side, value);
    }
    return null;
  }

  #boundedContent(side: ContentSide, value: ReadValue): TraceContent {
    if (value.unparsed === true) this.#unparsed.push(side);
    const text = cutText(value.text, this.#limits.textCharacters);
    this.#noteCut(`${side}.text`, text.length, value.text.length);
    const list =
      value.messages === undefined
        ? undefined
        : cutMessages(value.messages, side === "input" ? "end" : "start", this.#limits);
    const total = value.messages?.length ?? 0;
    if (list !== undefined && !list.whole) {
      this.#cuts.set(`${side}.messages`, { kept: list.messages.length, total });
    }
    const whole = text.length === value.text.length && list?.whole !== false;
    return {
      text,
      ...(value.mimeType === undefined ? {} : { mimeType: cutText(value.mimeType.toWellFormed(), 256) }),
      ...(list === undefined ? {} : { messages: list.messages }),
      ...(value.unparsed === true ? { unparsed: true as const } : {}),
      ...(whole
        ? {}
        : {
            cut: {
              keptCharacters: text.length,
              totalCharacters: value.text.length,
              ...(list === undefined ? {} : { keptMessages: list.messages.length, totalMessages: total }),
            },
          }),
    };
  }

  #usage(facts: readonly SpanFacts[]): TraceProjection["usage"] {
    const sum = noTokens();
    const contributors = usageFields.map(() => ({ spans: 0, first: undefined as SpanFacts | undefined }));
    for (const fact of facts) {
      if (fact.counted === undefined) continue;
      addTokenCounts(sum, fact.counted);
      for (const [index, [, , amount]] of usageFields.entries()) {
        const field = contributors[index];
        if (field === undefined || amount(fact.counted) <= 0) continue;
        field.spans++;
        field.first ??= fact;
      }
    }
    for (const [index, [name, classes]] of usageFields.entries()) {
      const { first, spans } = contributors[index] ?? {};
      if (first?.usage === undefined || spans === undefined) continue;
      const { rules: used } = first.usage;
      const rule = classes.map((reported) => used[reported]).find((found) => found !== undefined);
      this.#provenance.set(`usage.${name}`, {
        spanId: first.span.spanId,
        key: rule?.key ?? "",
        ruleId: rule?.id ?? "usage.derived",
        spans,
      });
    }
    const inputTokens = inputOf(sum);
    return {
      inputTokens,
      outputTokens: sum.output,
      // Spans that know their classes and spans that know only a total may explain each other but in part.
      totalTokens: Math.max(sum.total, addTokens(inputTokens, sum.output)),
      cacheReadTokens: sum.cacheRead,
      cacheWriteTokens: sum.cacheWrite,
      reasoningTokens: sum.reasoning,
    };
  }

  #provenCost(contributors: readonly number[], facts: readonly SpanFacts[]): void {
    const first = facts[contributors[0] ?? -1];
    if (first === undefined) return;
    this.#provenance.set("cost", {
      spanId: first.span.spanId,
      key: first.reported?.key ?? firstNameIn(first.span, rules.models)?.key ?? "",
      ruleId: first.reported?.ruleId ?? "cost.price-table",
      spans: contributors.length,
    });
  }

  /** The first to fail. Of those that failed at one instant the innermost: it started last. */
  #firstError(errors: readonly OtlpSpan[]): TraceError | null {
    let first: OtlpSpan | undefined;
    for (const span of errors) if (first === undefined || failedBefore(span, first)) first = span;
    if (first === undefined) return null;
    const { type, message, key, ruleId } = readSpanError(first);
    this.#provenance.set("firstError", { spanId: first.spanId, key, ruleId });
    return {
      type: type === null ? null : this.#bounded("firstError.type", type),
      message: message === null ? null : this.#bounded("firstError.message", message),
      spanId: first.spanId,
    };
  }

  #firstToken(traceStart: bigint): TraceProjection["timeToFirstTokenNano"] {
    const { call, trace, early } = findFirstToken(this.#tree.spans);
    this.#earlyFirstTokens = early;
    if (call === undefined) return null;
    this.#provenance.set("timeToFirstTokenNano.call", provenanceOf(call));
    if (trace === undefined) return { call: String(call.latency), trace: null };
    this.#provenance.set("timeToFirstTokenNano.trace", provenanceOf(trace));
    return {
      call: String(call.latency),
      trace: String(trace.span.startTimeUnixNano + trace.latency - traceStart),
    };
  }

  #boundedDistinct(field: string, values: ReadonlyMap<string, Provenance>): readonly string[] {
    this.#noteCut(field, this.#limits.distinct, values.size);
    return [...values].slice(0, this.#limits.distinct).map(([value, provenance], index) => {
      this.#provenance.set(`${field}[${index}]`, provenance);
      return this.#bounded(`${field}[${index}]`, value);
    });
  }

  #firstName(
    field: string,
    rootFirst: readonly SpanFacts[],
    fieldRules: readonly AttributeRule[],
  ): string | null {
    const found = firstName(rootFirst, fieldRules);
    if (found === undefined) return null;
    this.#provenance.set(field, provenanceOf(found));
    return this.#bounded(field, found.value);
  }

  #tags(rootFirst: readonly SpanFacts[]): readonly string[] {
    const tags = new Set<string>();
    for (const { span } of rootFirst) {
      visitTags(span, (tag, rule) => {
        if (tags.size === 0) {
          this.#provenance.set("tags", { spanId: span.spanId, key: rule.key, ruleId: rule.id });
        }
        tags.add(tag);
      });
    }
    this.#noteCut("tags", this.#limits.tags, tags.size);
    return [...tags].slice(0, this.#limits.tags).map((tag, index) => this.#bounded(`tags[${index}]`, tag));
  }

  #metadata(rootFirst: readonly SpanFacts[]): Readonly<Record<string, Json>> {
    const metadata = new Map<string, Json>();
    const seen = new Set<string>();
    for (const { span } of rootFirst) {
      visitMetadata(span, (key, readValue, rule) => {
        if (seen.has(key)) return;
        seen.add(key);
        if (metadata.size >= this.#limits.metadataKeys) return;
        const shortKey = this.#bounded("metadata key", key);
        // Two keys that are cut to the same: the earlier stays, as the cut says.
        if (metadata.has(shortKey)) return;
        const value = readValue();
        const size = jsonSize(value);
        const fits = size <= this.#limits.valueCharacters;
        metadata.set(shortKey, fits ? value : cutJson(value, this.#limits.valueCharacters));
        const field = `metadata.${cutText(shortKey, 128)}`;
        if (!fits) this.#noteCut(field, this.#limits.valueCharacters, size);
        this.#provenance.set(field, { spanId: span.spanId, key: rule.key, ruleId: rule.id });
      });
    }
    this.#noteCut("metadata", this.#limits.metadataKeys, seen.size);
    return Object.fromEntries(metadata);
  }

  #bounded(field: string, value: string): string {
    const kept = cutText(value, this.#limits.valueCharacters);
    this.#noteCut(field, kept.length, value.length);
    return kept;
  }

  #noteCut(field: string, kept: number, total: number): void {
    if (total > kept) this.#cuts.set(field, { kept, total });
  }
}

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

function provenanceOf({
  span,
  key,
  ruleId,
}: {
  readonly span: OtlpSpan;
  readonly key: string;
  readonly ruleId: string;
}): Provenance {
  return { spanId: span.spanId, key, ruleId };
}

function countKinds(facts: readonly SpanFacts[]): Partial<Record<SpanKind, number>> {
  const counts: Partial<Record<SpanKind, number>> = {};
  for (const { kind } of facts) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function droppedByEmitter(spans: readonly OtlpSpan[]): number {
  let dropped = 0;
  for (const span of spans) {
    dropped += span.droppedAttributesCount + span.droppedEventsCount + span.droppedLinksCount;
  }
  return dropped;
}
