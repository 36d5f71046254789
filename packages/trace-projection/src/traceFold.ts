import type { EventFold, FoldStep } from "@es/core";
import { projectInSteps } from "./buildTraceProjection.js";
import type { ContentLimits } from "./content/contentLimits.js";
import type { OwnPrices } from "./cost/ownPrices.js";
import { costInSteps, readReportedCost, summarizeCost } from "./cost/traceCost.js";
import { RunsReading, timesOfRuns } from "./reading/runsReading.js";
import type { RunSummary } from "./reading/spanRun.js";
import { SpanRuns } from "./reading/spanRuns.js";
import type { SpanEvent } from "./spanEvent.js";
import { MOST_STEPS_UP, mayBeOwnAncestor } from "./spans/ancestors.js";
import { FoldedSpan, SharedValues, SpanReleased } from "./spans/foldedSpan.js";
import { countInSteps, usageOf } from "./spans/spanFacts.js";
import { type SpanTree, treeOf } from "./spans/spanTree.js";
import { ITEMS_PER_STEP, runToEnd } from "./steps.js";
import type { TraceProjection } from "./traceProjection.js";
import { GrowingUsage } from "./usage/growingUsage.js";
import { scopeNameOf } from "./usage/twinCalls.js";
import { sumUsageInSteps } from "./usage/usageSum.js";

/** What makes a fold fast or slow, and changes nothing else. */
export interface TraceFoldTuning {
  /** Spans that are read anew when one of them changes: of shorter runs there are more to join. @default 256 */
  readonly runLength?: number;
  /** Where more come at once, by the spans there are, all are put in order and counted anew. @default 1/8 */
  readonly many?: number;
}

/**
 * A trace between rebuilds. Of every span it keeps what the rules read, and the data of those only that gave the
 * projection its content. The spans stand in runs, each of which is read anew when one of its spans changes; usage is
 * counted up from the spans that are new. Where that does not fit, see `#fits`, usage and cost are counted over the whole
 * tree each time, from what is known of the spans. All of it comes in steps.
 */
export class TraceFold implements EventFold<SpanEvent, TraceProjection> {
  readonly #traceId: string;
  readonly #limits: ContentLimits;
  readonly #prices: OwnPrices;
  readonly #byId = new Map<string, FoldedSpan>();
  readonly #runs: SpanRuns;
  readonly #many: number;
  readonly #usage = new GrowingUsage();
  /** By the id of a parent that has not arrived. */
  readonly #waiting = new Map<string, FoldedSpan[]>();
  /** Those with their data. */
  #whole: FoldedSpan[] = [];
  /** What those without hold. */
  #releasedBytes = 0;
  readonly #shared = new SharedValues();
  /** Spans that gave the last projection what is read again each time. */
  #winners: ReadonlySet<string> = new Set();
  /** Instrumentations that report usage. */
  readonly #scopes = new Set<string>();
  #mayHaveCycle = false;
  #reportsCost = false;
  #hasCallWithoutStart = false;

  constructor(
    traceId: string,
    limits: ContentLimits,
    prices: OwnPrices,
    { runLength = 256, many = 1 / 8 }: TraceFoldTuning = {},
  ) {
    this.#runs = new SpanRuns(runLength);
    this.#many = many;
    this.#traceId = traceId;
    this.#limits = limits;
    this.#prices = prices;
  }

  add(events: readonly SpanEvent[]): void {
    runToEnd(this.addInSteps(events));
  }

  *addInSteps(events: readonly SpanEvent[]): Generator<void, void> {
    const added: FoldedSpan[] = [];
    let replaces = false;
    for (const { data } of events) {
      const span = new FoldedSpan(data, this.#shared);
      // It is read anyway before its data is let go of, and here each in a step of its own.
      span.read();
      const before = this.#byId.get(span.spanId);
      replaces ||= before !== undefined;
      if (before?.isReleased === true) this.#releasedBytes -= before.bytes;
      this.#byId.set(span.spanId, span);
      added.push(span);
      yield;
    }
    this.#whole = this.#whole.concat(added);
    if (replaces || added.length > this.#runs.size * this.#many) yield* this.#begin();
    else yield* this.#insert(added);
  }

  /** Puts all spans in order, and counts them. */
  *#begin(): Generator<void, void> {
    this.#whole = this.#whole.filter((span) => this.#byId.get(span.spanId) === span);
    this.#waiting.clear();
    this.#scopes.clear();
    this.#mayHaveCycle = false;
    this.#reportsCost = false;
    this.#hasCallWithoutStart = false;
    yield* this.#runs.fill(this.#byId.values());
    let steps = 0;
    for (const span of this.#byId.values()) {
      if (++steps % ITEMS_PER_STEP === 0) yield;
      this.#note(span);
      this.#link(span);
    }
    const tree = yield* this.#tree();
    this.#mayHaveCycle = tree.cyclic > 0;
    yield* this.#cutCycles(tree);
    if (!this.#mayHaveCycle) yield* this.#recount(tree);
  }

  *#recount({ bottomUp, spans }: SpanTree<FoldedSpan>): Generator<void, void> {
    yield* this.#usage.recount(Array.from(bottomUp, (position) => spans[position] as FoldedSpan));
  }

  *#insert(added: readonly FoldedSpan[]): Generator<void, void> {
    const toTell = [...added];
    for (const span of added) {
      this.#note(span);
      this.#runs.insert(span);
      for (const child of this.#link(span)) {
        this.#usage.forgetTold(child);
        toTell.push(child);
      }
      this.#mayHaveCycle ||= mayBeOwnAncestor(span);
      yield;
    }
    let steps = 0;
    for (const span of toTell) {
      if (!this.#fits) return;
      // Going up from many spans of deep chains takes longer than counting all of them once.
      if (steps > this.#runs.size + MOST_STEPS_UP) {
        yield* this.#recount(yield* this.#tree());
        return;
      }
      steps += this.#usage.tell(span);
      yield;
    }
  }

  /** Whether the projection can be had from runs. What is counted is kept up only as long as it can. */
  get #fits(): boolean {
    // One instrumentation has no twins. A cost that is reported stands for what is below. A price may depend on the start.
    return (
      !this.#mayHaveCycle &&
      !this.#reportsCost &&
      !this.#hasCallWithoutStart &&
      this.#scopes.size < 2 &&
      this.#usage.fits
    );
  }

  #note(span: FoldedSpan): void {
    this.#reportsCost ||= readReportedCost(span) !== undefined;
    if (usageOf(span) === undefined) return;
    this.#scopes.add(scopeNameOf(span));
    this.#hasCallWithoutStart ||= span.startTimeUnixNano === 0n;
  }

  *#tree(): Generator<void, SpanTree<FoldedSpan>> {
    const ordered = this.#runs.all();
    yield;
    ordered.forEach((span, position) => {
      span.position = position;
    });
    yield;
    const tree = treeOf(ordered, ({ parent }) => parent?.position);
    yield;
    return tree;
  }

  project(): FoldStep<TraceProjection> {
    return runToEnd(this.projectInSteps());
  }

  *projectInSteps(): Generator<void, FoldStep<TraceProjection>> {
    try {
      const projection = yield* projectInSteps(this.#traceId, yield* this.#reading(), this.#limits);
      const { input, output, firstError } = projection.provenance;
      this.#winners = new Set([input, output, firstError].flatMap((from) => from?.spanId ?? []));
      return { done: true, projection };
    } catch (error) {
      if (!(error instanceof SpanReleased)) throw error;
      return { done: false, needs: [error.spanId] };
    }
  }

  *#reading(): Generator<void, RunsReading> {
    const fits = this.#fits;
    const tree = fits ? undefined : yield* this.#tree();
    if (tree !== undefined) yield* this.#cutCycles(tree);
    const { runs } = this.#runs;
    const said: RunSummary[] = [];
    for (const run of runs) {
      const summary = yield* run.summary(this.#prices);
      said.push(summary);
      if (!fits) continue;
      summary.usage();
      summary.cost();
      yield;
    }
    if (tree === undefined) return new RunsReading(runs, said, this.#prices);
    const { facts, twins } = yield* countInSteps(tree);
    const { start } = timesOfRuns(said);
    const usage = yield* sumUsageInSteps(facts);
    const cost = yield* costInSteps(tree, facts, start, twins, this.#prices);
    return new RunsReading(runs, said, this.#prices, {
      cyclicSpans: tree.cyclic,
      usage,
      cost: summarizeCost(cost, facts),
    });
  }

  /** Nothing is above the earliest span of a cycle. */
  *#cutCycles({ spans, parents }: SpanTree<FoldedSpan>): Generator<void, void> {
    for (const [position, span] of spans.entries()) {
      if (position % ITEMS_PER_STEP === 0) yield;
      const isCut = span.parent !== undefined && parents[position] === -1;
      if (isCut === span.isCut) continue;
      span.isCut = isCut;
      if (span.run !== undefined) span.run.stale = true;
    }
  }

  recall(events: readonly SpanEvent[]): void {
    for (const { data } of events) {
      const span = this.#byId.get(data.spanId);
      if (span?.isReleased !== true) continue;
      this.#releasedBytes -= span.bytes;
      span.recall(data);
      this.#whole.push(span);
    }
  }

  release(): number {
    return runToEnd(this.releaseInSteps());
  }

  *releaseInSteps(): Generator<void, number> {
    let wholeBytes = 0;
    const winners: FoldedSpan[] = [];
    for (const span of this.#whole) {
      if (this.#winners.has(span.spanId)) {
        winners.push(span);
        wholeBytes += span.bytes;
      } else {
        span.release(this.#shared);
        this.#releasedBytes += span.bytes;
      }
      yield;
    }
    this.#whole = winners;
    return this.#shared.bytes + this.#releasedBytes + wholeBytes;
  }

  /** Finds the span above, and those below that have waited for it. */
  #link(span: FoldedSpan): readonly FoldedSpan[] {
    span.parent = undefined;
    const { spanId, parentSpanId } = span;
    if (parentSpanId !== "") {
      span.parent = this.#byId.get(parentSpanId);
      if (span.parent === undefined) {
        const others = this.#waiting.get(parentSpanId);
        if (others === undefined) this.#waiting.set(parentSpanId, [span]);
        else others.push(span);
      }
    }
    const children = this.#waiting.get(spanId) ?? [];
    this.#waiting.delete(spanId);
    for (const child of children) {
      child.parent = span;
      if (child.run !== undefined) child.run.stale = true;
    }
    return children;
  }
}
