import type { ProjectionRecord, TenantId } from "@es/core";

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * Which rule found the root: a span without parent id; else a span whose parent is not in the trace; else (only cycles)
 * none, and the earliest span gives the name.
 */
export type RootKind = "root" | "orphan" | "none";

export type TraceStatus = "ok" | "error" | "unset";

/**
 * What a span does, in one vocabulary over all conventions. `chain` is a step that only holds others together. Spans that no
 * convention says more of are what OpenTelemetry's own kind says, `server` to `internal`.
 */
export const spanKinds = [
  "llm",
  "embedding",
  "agent",
  "chain",
  "tool",
  "retriever",
  "reranker",
  "guardrail",
  "evaluator",
  "prompt",
  "database",
  "server",
  "client",
  "producer",
  "consumer",
  "internal",
] as const;

export type SpanKind = (typeof spanKinds)[number];

/** How much was kept of how much there was: characters or items. */
export interface Cut {
  readonly kept: number;
  readonly total: number;
}

/** What was kept of a value that did not fit. */
export interface ContentCut {
  readonly keptCharacters: number;
  readonly totalCharacters: number;
  readonly keptMessages?: number;
  readonly totalMessages?: number;
  /** Single long values in the messages that were shortened. */
  readonly shortenedValues?: number;
}

/** An input or output. */
export interface TraceContent {
  /** The short form: of a message list the last user message (input) or the assistant's (output). */
  readonly text: string;
  /** As the emitter declares it, or `application/json` where the text is JSON. */
  readonly mimeType?: string;
  /** The whole message list as emitted: JSON parsed, structured values as JSON. */
  readonly messages?: readonly Json[];
  /** The value should have been JSON but was not, as truncated JSON is not; `text` is the raw value. */
  readonly unparsed?: true;
  /** What was cut by the limits of the handler. Absent when all is here. */
  readonly cut?: ContentCut;
}

/** Tokens of the whole trace, each counted once, however many spans report it. 0 where nothing was reported. */
export interface TraceUsage {
  /** All input: uncached + cache reads + cache writes. */
  readonly inputTokens: number;
  /** All output, reasoning included. */
  readonly outputTokens: number;
  /** Input + output, or more where only a total was reported. */
  readonly totalTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
}

export interface TraceCost {
  /** Plain decimal, at most 12 places, no exponent. */
  readonly amount: string;
  readonly currency: "USD";
  /** `reported` by spans, `priced` from the price table, or some of each. */
  readonly source: "reported" | "priced" | "mixed";
  /** False when some counted tokens could not be priced, or not for sure at their price; `costReason` says why. */
  readonly complete: boolean;
  /**
   * Makers whose prices were taken for models of providers that the price table does not know, such as a framework's name.
   * Absent if there are none.
   */
  readonly assumedProviders?: readonly string[];
}

/** Why there is no cost, or not all of it. */
export type CostReason =
  | "no-usage"
  | "no-model"
  | "unknown-model"
  | "no-token-price"
  /** Some tokens are of a class that the price table has no price for, such as audio. */
  | "no-class-price"
  /** The total is more than what the classes add up to: the rest is not priced. */
  | "unclassed-tokens"
  /** The call was billed by another service tier than the standard one, or in a batch. */
  | "service-tier";

export interface TraceError {
  readonly type: string | null;
  readonly message: string | null;
  readonly spanId: string;
}

/** Where a value was found. */
export interface Provenance {
  readonly spanId: string;
  /** The attribute, event or span field. */
  readonly key: string;
  readonly ruleId: string;
  /** For sums: how many spans contributed; the rest of this record names the first of them. */
  readonly spans?: number;
}

/** Everything odd about the trace. Counts are spans unless said otherwise; 0 and [] when there is nothing to say. */
export interface TraceFlags {
  /** End before start; the times are kept as sent. */
  readonly negativeDurations: number;
  /** Start or end is 0, which is left out of the trace's times. */
  readonly zeroTimestamps: number;
  /** Spans that are their own ancestors. */
  readonly cyclicSpans: number;
  /** First-token instants before their span's start; left out. */
  readonly earlyFirstTokens: number;
  /** Spans whose latency to the first token is below a millisecond in every unit that its attribute may have; left out. */
  readonly implausibleFirstTokens: number;
  /** What the emitters say they dropped themselves: attributes, events and links, in sum. */
  readonly droppedByEmitter: number;
  /** Fields that should have been JSON but could not be parsed. */
  readonly unparsed: readonly string[];
  /**
   * What was cut by the limits, by field: `kept` of `total` characters or items. Under `nested.` and the field: how many values in
   * it were nested too deeply, none of which is kept.
   */
  readonly cuts: Readonly<Record<string, Cut>>;
}

/**
 * What happened in a trace: a pure function of the set of its spans, JSON values only. Times and durations are
 * nanoseconds as decimal strings.
 */
export interface TraceProjection {
  readonly traceId: string;
  readonly name: string;
  /** `null` when only cycles are there. */
  readonly rootSpanId: string | null;
  readonly rootKind: RootKind;
  readonly spanCount: number;
  /** Spans with status ERROR. */
  readonly errorCount: number;
  /** `error` if any span failed, else the root's own. */
  readonly status: TraceStatus;
  readonly rootStatus: TraceStatus;
  readonly firstError: TraceError | null;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  /** End − start. Negative only where every span ends before the earliest starts; then it is flagged. */
  readonly durationNano: string;
  readonly input: TraceContent | null;
  readonly output: TraceContent | null;
  /** Distinct, in order of first use. */
  readonly models: readonly string[];
  /** Distinct, in order of first use. */
  readonly providers: readonly string[];
  /** Distinct, in order of first use. */
  readonly services: readonly string[];
  readonly usage: TraceUsage;
  readonly cost: TraceCost | null;
  readonly costReason: CostReason | null;
  /** Models whose tokens could not be priced. */
  readonly unpricedModels: readonly string[];
  /** The price table used; `null` when nothing was priced. */
  readonly priceTableVersion: string | null;
  /** `call`: smallest latency of one call; `trace`: from the trace's start to its first token. */
  readonly timeToFirstTokenNano: { readonly call: string; readonly trace: string | null } | null;
  readonly sessionId: string | null;
  /**
   * Sessions that other spans name, in order of first use: usually none. While the root was not there, the trace may have
   * been part of one of them.
   */
  readonly otherSessionIds: readonly string[];
  readonly userId: string | null;
  /** Distinct, the root's first, then in order of first use. */
  readonly tags: readonly string[];
  /** Merged over all spans; of a key set twice the root's value stays, else the earliest. */
  readonly metadata: Readonly<Record<string, Json>>;
  /** Spans by what they do. */
  readonly spanKinds: Readonly<Partial<Record<SpanKind, number>>>;
  /** Something was cut; `flags.cuts` says what and how much. */
  readonly truncated: boolean;
  readonly flags: TraceFlags;
  /** Which span, key and rule gave a field. */
  readonly provenance: Readonly<Record<string, Provenance>>;
}

/** A projection as the read API gives it. */
export interface TraceProjectionJson extends TraceProjection {
  readonly tenantId: string;
  /** Decimal string; greater is newer. */
  readonly version: string;
}

export function traceProjectionToJson(
  tenantId: TenantId,
  record: Pick<ProjectionRecord<string, TraceProjection>, "version" | "projection">,
): TraceProjectionJson {
  return { tenantId, version: String(record.version), ...record.projection };
}
