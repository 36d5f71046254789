import type { EventStream } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import { withNotes } from "./attributes/abridged.js";
import { boundContent } from "./content/boundContent.js";
import {
  type ContentLimits,
  cutJson,
  cutText,
  defaultContentLimits,
  measureJson,
} from "./content/contentLimits.js";
import type { ContentSide } from "./content/readContent.js";
import { rules } from "./conventions/conventions.js";
import { noOwnPrices, type OwnPrices } from "./cost/ownPrices.js";
import type { CostSummary } from "./cost/traceCost.js";
import type { TraceReading } from "./reading/traceReading.js";
import { WholeReading } from "./reading/wholeReading.js";
import type { FirstToken } from "./selection/firstToken.js";
import { dropUndated, type FirstNameField, type FoundName, firstNameIn } from "./selection/names.js";
import type { SpanEvent } from "./spanEvent.js";
import { oncePerSpan } from "./spans/foldedSpan.js";
import { hasFailed, readSpanError } from "./spans/spanError.js";
import { buildSpanTree } from "./spans/spanTree.js";
import { runToEnd } from "./steps.js";
import type {
  Json,
  Provenance,
  TraceContent,
  TraceError,
  TraceProjection,
  TraceStatus,
} from "./traceProjection.js";
import { addTokens } from "./usage/spanUsage.js";
import { inputOf } from "./usage/twinCalls.js";
import { type UsageSum, usageFields } from "./usage/usageSum.js";

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
  return projectReading(stream.aggregateId, new WholeReading(tree, prices), limits);
}

/** {@link buildTraceProjection} of a trace that is read already. */
export function projectReading(
  traceId: string,
  reading: TraceReading,
  limits: ContentLimits,
): TraceProjection {
  return runToEnd(projectInSteps(traceId, reading, limits));
}

/** {@link projectReading} in steps. */
export function projectInSteps(
  traceId: string,
  reading: TraceReading,
  limits: ContentLimits,
): Generator<void, TraceProjection> {
  return new ProjectionBuilder(traceId, reading, limits).build();
}

const statuses: readonly TraceStatus[] = ["unset", "ok", "error"];
const statusOf = oncePerSpan(({ status }) => statuses[status.code] ?? "unset");

class ProjectionBuilder {
  readonly #traceId: string;
  readonly #reading: TraceReading;
  readonly #limits: ContentLimits;
  readonly #cuts = new Map<string, { kept: number; total: number }>();
  readonly #unparsed: string[] = [];
  readonly #provenance = new Map<string, Provenance>();

  constructor(traceId: string, reading: TraceReading, limits: ContentLimits) {
    this.#traceId = traceId;
    this.#reading = reading;
    this.#limits = limits;
  }

  *build(): Generator<void, TraceProjection> {
    const reading = this.#reading;
    const { root, rootKind, times, errorCount, firstToken } = reading;
    const usage = this.#usage(reading.usage);
    yield;
    const cost = this.#cost(reading.cost);
    yield;
    if (times.startFrom !== undefined)
      this.#provenance.set("startTimeUnixNano", provenanceOf(times.startFrom));
    if (times.endFrom !== undefined) this.#provenance.set("endTimeUnixNano", provenanceOf(times.endFrom));
    const rootStatus = root === undefined ? "unset" : hasFailed(root) ? "error" : statusOf(root);
    const named = reading.firstName("traceNames");
    if (named !== undefined) this.#provenance.set("name", provenanceOf(named));
    else if (root !== undefined)
      this.#provenance.set("name", { spanId: root.spanId, key: "name", ruleId: `name.${rootKind}` });

    const input = yield* this.#content("input");
    yield;
    const output = yield* this.#content("output");
    yield;
    const tags = yield* this.#tags();
    const metadata = yield* this.#metadata();
    const projection = {
      traceId: this.#traceId,
      name: this.#bounded("name", named?.value ?? root?.name.toWellFormed() ?? ""),
      rootSpanId: rootKind === "none" ? null : (root?.spanId ?? null),
      rootKind,
      spanCount: reading.spanCount,
      errorCount,
      status: errorCount > 0 ? ("error" as const) : rootStatus,
      rootStatus,
      firstError: this.#firstError(reading.firstError),
      startTimeUnixNano: String(times.start),
      endTimeUnixNano: String(times.end),
      durationNano: String(times.end - times.start),
      input,
      output,
      models: this.#boundedDistinct("models", dropUndated(reading.distinctNames("models"))),
      providers: this.#boundedDistinct("providers", reading.distinctNames("providers")),
      services: this.#boundedDistinct("services", reading.distinctServices()),
      usage,
      cost: cost.cost,
      costReason: cost.reason,
      unpricedModels: this.#boundedTexts("unpricedModels", cost.unpricedModels),
      priceTableVersion: cost.priceTableVersion,
      timeToFirstTokenNano: this.#firstToken(firstToken, times.start),
      sessionId: this.#firstName("sessionId", "sessions", "resourceSessions"),
      otherSessionIds: this.#otherSessionIds(),
      userId: this.#firstName("userId", "users", "resourceUsers"),
      tags,
      metadata,
      spanKinds: reading.kinds,
    };
    return {
      ...projection,
      truncated: this.#cuts.size > 0,
      flags: {
        ...times.flags,
        cyclicSpans: reading.cyclicSpans,
        earlyFirstTokens: firstToken.early,
        implausibleFirstTokens: firstToken.implausible,
        droppedByEmitter: reading.droppedByEmitter,
        unparsed: this.#unparsed,
        cuts: Object.fromEntries(this.#cuts),
      },
      provenance: Object.fromEntries(this.#provenance),
    };
  }

  *#content(side: ContentSide): Generator<void, TraceContent | null> {
    const found = yield* this.#reading.content(side);
    if (found === undefined) return null;
    const { span, rule } = found;
    this.#provenance.set(side, { spanId: span.spanId, key: rule.source.key, ruleId: rule.id });
    const bounded = found.bounded ?? boundContent(side, found.value, this.#limits);
    found.keep?.(bounded);
    for (const [field, cut] of bounded.cuts) this.#cuts.set(field, cut);
    if (bounded.content.unparsed === true) this.#unparsed.push(side);
    return bounded.content;
  }

  #usage({ tokens, contributors }: UsageSum): TraceProjection["usage"] {
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
    const inputTokens = inputOf(tokens);
    return {
      inputTokens,
      outputTokens: tokens.output,
      // Spans that know their classes and spans that know only a total may explain each other but in part.
      totalTokens: Math.max(tokens.total, addTokens(inputTokens, tokens.output)),
      cacheReadTokens: tokens.cacheRead,
      cacheWriteTokens: tokens.cacheWrite,
      reasoningTokens: tokens.reasoning,
    };
  }

  #cost(cost: CostSummary): CostSummary {
    const { first, contributors } = cost;
    if (first !== undefined) {
      this.#provenance.set("cost", {
        spanId: first.span.spanId,
        key: first.reported?.key ?? firstNameIn(first.span, rules.models)?.key ?? "",
        ruleId: first.reported?.ruleId ?? "cost.price-table",
        spans: contributors,
      });
    }
    return cost;
  }

  #firstError(span: OtlpSpan | undefined): TraceError | null {
    if (span === undefined) return null;
    const { type, message, key, ruleId, tooDeep = 0 } = readSpanError(span);
    this.#noteTooDeep("firstError.message", tooDeep);
    this.#provenance.set("firstError", { spanId: span.spanId, key, ruleId });
    return {
      type: type === null ? null : this.#bounded("firstError.type", type),
      message: message === null ? null : this.#bounded("firstError.message", message),
      spanId: span.spanId,
    };
  }

  #firstToken({ call, trace }: FirstToken, traceStart: bigint): TraceProjection["timeToFirstTokenNano"] {
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

  #boundedTexts(field: string, values: readonly string[]): readonly string[] {
    this.#noteCut(field, this.#limits.distinct, values.length);
    return values
      .slice(0, this.#limits.distinct)
      .map((value, index) => this.#bounded(`${field}[${index}]`, value));
  }

  #firstName(field: string, ...names: readonly FirstNameField[]): string | null {
    let found: FoundName | undefined;
    for (const name of names) found ??= this.#reading.firstName(name);
    if (found === undefined) return null;
    this.#provenance.set(field, provenanceOf(found));
    return this.#bounded(field, found.value);
  }

  #otherSessionIds(): readonly string[] {
    const named = this.#reading.distinctNames("sessions");
    if (named.size === 0) return [];
    named.delete(this.#reading.firstName("sessions")?.value ?? "");
    return this.#boundedDistinct("otherSessionIds", named);
  }

  *#tags(): Generator<void, readonly string[]> {
    const tags = new Map<string, number>();
    yield* this.#reading.visitTags((tag, rule, span, tooDeep) => {
      if (tags.size === 0) {
        this.#provenance.set("tags", { spanId: span.spanId, key: rule.key, ruleId: rule.id });
      }
      if (!tags.has(tag)) tags.set(tag, tooDeep);
    });
    this.#noteCut("tags", this.#limits.tags, tags.size);
    return [...tags].slice(0, this.#limits.tags).map(([tag, tooDeep], index) => {
      this.#noteTooDeep(`tags[${index}]`, tooDeep);
      return this.#bounded(`tags[${index}]`, tag);
    });
  }

  *#metadata(): Generator<void, Readonly<Record<string, Json>>> {
    const metadata = new Map<string, Json>();
    const seen = new Set<string>();
    yield* this.#reading.visitMetadata((key, readValue, rule, span) => {
      if (seen.has(key)) return;
      seen.add(key);
      if (metadata.size >= this.#limits.metadataKeys) return;
      const shortKey = this.#bounded("metadata key", key);
      // Two keys that are cut to the same: the earlier stays, as the cut says.
      if (metadata.has(shortKey)) return;
      const read = readValue();
      const { size, tooDeep } = measureJson(read);
      const value = tooDeep === 0 ? read : withNotes(read);
      const fits = size <= this.#limits.valueCharacters;
      metadata.set(shortKey, fits ? value : cutJson(value, this.#limits.valueCharacters));
      const field = `metadata.${cutText(shortKey, 128)}`;
      if (!fits) this.#noteCut(field, this.#limits.valueCharacters, size);
      this.#noteTooDeep(field, tooDeep);
      this.#provenance.set(field, { spanId: span.spanId, key: rule.key, ruleId: rule.id });
    });
    this.#noteCut("metadata", this.#limits.metadataKeys, seen.size);
    return Object.fromEntries(metadata);
  }

  #bounded(field: string, value: string): string {
    const kept = cutText(value, this.#limits.valueCharacters);
    this.#noteCut(field, kept.length, value.length);
    return kept;
  }

  #noteTooDeep(field: string, values: number): void {
    this.#noteCut(`nested.${field}`, 0, values);
  }

  #noteCut(field: string, kept: number, total: number): void {
    if (total > kept) this.#cuts.set(field, { kept, total });
  }
}

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
