import type { OtlpSpan } from "@es/otlp";
import type { ContentSide } from "../content/readContent.js";
import type { CostSummary } from "../cost/traceCost.js";
import type { FoundContent } from "../selection/contentCandidates.js";
import type { FirstToken } from "../selection/firstToken.js";
import type { FirstNameField, FoundName, NameField } from "../selection/names.js";
import type { TraceTimes } from "../selection/traceTimes.js";
import type { Json, Provenance, RootKind, SpanKind } from "../traceProjection.js";
import type { UsageSum } from "../usage/usageSum.js";

export interface FoundBy {
  readonly id: string;
  readonly key: string;
}

/** What is asked of the spans of a trace to build its projection. First means first in the order of the tree. */
export interface TraceReading {
  readonly spanCount: number;
  readonly root: OtlpSpan | undefined;
  readonly rootKind: RootKind;
  readonly cyclicSpans: number;
  readonly times: TraceTimes;
  readonly errorCount: number;
  readonly firstError: OtlpSpan | undefined;
  readonly usage: UsageSum;
  readonly cost: CostSummary;
  readonly firstToken: FirstToken;
  /** Attributes, events and links that the emitters dropped. */
  readonly droppedByEmitter: number;
  readonly kinds: Readonly<Partial<Record<SpanKind, number>>>;
  /** In steps: many may have to be asked. */
  content(side: ContentSide): Generator<void, FoundContent | undefined>;
  /** The names that spans have, one each, in order of first use. */
  distinctNames(field: NameField): Map<string, Provenance>;
  distinctServices(): Map<string, Provenance>;
  /** The root's, else the first. */
  firstName(field: FirstNameField): FoundName | undefined;
  /** Every tag, the root's first; any of them may come again. In steps, as the next. */
  visitTags(
    visit: (tag: string, rule: FoundBy, span: OtlpSpan, tooDeep: number) => void,
  ): Generator<void, void>;
  /** Every metadata key, the root's first; any of them may come again. */
  visitMetadata(
    visit: (key: string, value: () => Json, rule: FoundBy, span: OtlpSpan) => void,
  ): Generator<void, void>;
}
