import type { ContentSide } from "../content/readContent.js";
import { rules } from "../conventions/conventions.js";
import type { OwnPrices } from "../cost/ownPrices.js";
import { type PricedPart, pricePart, readReportedCost } from "../cost/traceCost.js";
import { askedInOrder, isKnownEmpty } from "../selection/contentCandidates.js";
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
import type { FoldedSpan, Stale } from "../spans/foldedSpan.js";
import { hasFailed } from "../spans/spanError.js";
import { kindOf, type SpanFacts, usageOf } from "../spans/spanFacts.js";
import type { Json, Provenance, SpanKind } from "../traceProjection.js";
import { sumUsage, type UsageSum } from "../usage/usageSum.js";
import type { FoundBy } from "./traceReading.js";
import { countKinds, droppedIn, firstOf } from "./wholeReading.js";

/** What a run of spans says, each part as of the run alone. */
export interface RunSummary {
  readonly first: FoldedSpan | undefined;
  readonly firstWithoutParent: FoldedSpan | undefined;
  readonly firstOrphan: FoldedSpan | undefined;
  readonly orphans: number;
  readonly times: TraceTimes;
  /** Those that may give the trace its times, in their order. */
  readonly timeSpans: readonly FoldedSpan[];
  readonly errorCount: number;
  readonly firstError: FoldedSpan | undefined;
  /** As long as spans are counted by runs, as the next. Made when it is asked for first. */
  readonly usage: () => UsageSum;
  readonly cost: () => PricedPart;
  readonly firstToken: FirstToken;
  readonly droppedByEmitter: number;
  readonly kinds: Readonly<Partial<Record<SpanKind, number>>>;
  readonly names: Readonly<Record<NameField, ReadonlyMap<string, Provenance>>>;
  readonly firstNames: Readonly<Record<FirstNameField, FoundName | undefined>>;
  readonly services: ReadonlyMap<string, Provenance>;
  readonly tags: readonly {
    readonly tag: string;
    readonly rule: FoundBy;
    readonly span: FoldedSpan;
    readonly tooDeep: number;
  }[];
  readonly metadata: readonly {
    readonly key: string;
    readonly value: () => Json;
    readonly rule: FoundBy;
    readonly span: FoldedSpan;
  }[];
  /** Filled as it is asked for. */
  readonly toAsk: Map<string, AskQueue>;
}

export function factsOf(span: FoldedSpan): SpanFacts {
  return {
    span,
    isTop: span.parent === undefined || span.isCut,
    kind: kindOf(span),
    usage: usageOf(span),
    counted: span.counted,
    reported: readReportedCost(span),
  };
}

/** Spans that stand side by side in the order of their trace, and what they say as long as none of them changes. */
export class SpanRun implements Stale {
  /** Changed by who sets `stale`. */
  readonly spans: FoldedSpan[];
  stale = true;
  #summary: RunSummary | undefined;

  constructor(spans: FoldedSpan[]) {
    this.spans = spans;
  }

  *summary(prices: OwnPrices): Generator<void, RunSummary> {
    if (this.#summary === undefined || this.stale) {
      this.#summary = yield* summarize(this.spans, prices);
      this.stale = false;
    }
    return this.#summary;
  }

  /** Whom of the run to ask next for content: the first of whom it is not known that they hold nothing. */
  toAsk(side: ContentSide, weak: boolean, aside: boolean, { toAsk }: RunSummary): SpanFacts | undefined {
    const key = `${side} ${weak} ${aside}`;
    let queue = toAsk.get(key);
    if (queue === undefined) {
      // A span that is found to hold nothing stays so as long as the run is not made anew.
      queue = { facts: askedInOrder(this.spans.map(factsOf), side, weak, aside), next: 0 };
      toAsk.set(key, queue);
    }
    while (queue.next < queue.facts.length) {
      const facts = queue.facts[queue.next] as SpanFacts;
      if (!isKnownEmpty(facts, side, weak)) return facts;
      queue.next++;
    }
    return undefined;
  }
}

/** Those of a run to ask for content, the first first. Those before `next` hold nothing. */
interface AskQueue {
  readonly facts: readonly SpanFacts[];
  next: number;
}

function* summarize(spans: readonly FoldedSpan[], prices: OwnPrices): Generator<void, RunSummary> {
  const facts = spans.map(factsOf);
  const errors = spans.filter(hasFailed);
  const orphans = spans.filter(({ parent, parentSpanId }) => parent === undefined && parentSpanId !== "");
  const tags = new Map<string, RunSummary["tags"][number]>();
  const metadata = new Map<string, RunSummary["metadata"][number]>();
  for (const span of spans) {
    visitTags(span, (tag, rule, tooDeep) => {
      if (!tags.has(tag)) tags.set(tag, { tag, rule, span, tooDeep });
    });
    visitMetadata(span, (key, value, rule) => {
      if (!metadata.has(key)) metadata.set(key, { key, value, rule, span });
    });
    yield;
  }
  return {
    first: spans[0],
    firstWithoutParent: spans.find(({ parentSpanId }) => parentSpanId === ""),
    firstOrphan: orphans[0],
    orphans: orphans.length,
    times: timesOf(spans),
    timeSpans: timeSpansOf(spans),
    errorCount: errors.length,
    firstError: firstOf(errors),
    usage: once(() => sumUsage(spans.map(factsOf))),
    cost: once(() => pricePart(spans.map(factsOf), prices)),
    firstToken: findFirstToken(spans),
    droppedByEmitter: droppedIn(spans),
    kinds: countKinds(facts),
    names: byField((field) => distinctNames(facts, rules[field])),
    firstNames: {
      ...byField((field) => firstName(facts, rules[field])),
      resourceSessions: firstName(facts, rules.resourceSessions),
      resourceUsers: firstName(facts, rules.resourceUsers),
      traceNames: firstName(facts, rules.traceNames),
    },
    services: distinctServices(facts),
    tags: [...tags.values()],
    metadata: [...metadata.values()],
    toAsk: new Map(),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function byField<T>(read: (field: NameField) => T): Record<NameField, T> {
  return {
    models: read("models"),
    providers: read("providers"),
    sessions: read("sessions"),
    users: read("users"),
  };
}

/** The first with the least and the first with the greatest start and end. */
function timeSpansOf(spans: readonly FoldedSpan[]): readonly FoldedSpan[] {
  const found = new Set<FoldedSpan>();
  for (const key of ["startTimeUnixNano", "endTimeUnixNano"] as const) {
    let least: FoldedSpan | undefined;
    let greatest: FoldedSpan | undefined;
    for (const span of spans) {
      if (span[key] === 0n) continue;
      if (least === undefined || span[key] < least[key]) least = span;
      if (greatest === undefined || span[key] > greatest[key]) greatest = span;
    }
    if (least !== undefined) found.add(least);
    if (greatest !== undefined) found.add(greatest);
  }
  return spans.filter((span) => found.has(span));
}
