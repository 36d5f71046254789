import type { EventFold, FoldStep } from "@es/core";
import { projectReading } from "./buildTraceProjection.js";
import type { ContentLimits } from "./content/contentLimits.js";
import type { OwnPrices } from "./cost/ownPrices.js";
import { readReportedCost } from "./cost/traceCost.js";
import { RunsReading } from "./reading/runsReading.js";
import { SpanRuns } from "./reading/spanRuns.js";
import { WholeReading } from "./reading/wholeReading.js";
import type { SpanEvent } from "./spanEvent.js";
import { mayBeOwnAncestor } from "./spans/ancestors.js";
import { FoldedSpan, SharedValues, SpanReleased } from "./spans/foldedSpan.js";
import { usageOf } from "./spans/spanFacts.js";
import { type SpanTree, treeOf } from "./spans/spanTree.js";
import type { TraceProjection } from "./traceProjection.js";
import { GrowingUsage } from "./usage/growingUsage.js";
import { scopeNameOf } from "./usage/twinCalls.js";

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
 * counted up from the spans that are new. Traces that this does not fit, see `#fits`, are read as a whole each time, over
 * what is known of the spans.
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
    const added: FoldedSpan[] = [];
    let replaces = false;
    for (const { data } of events) {
      const span = new FoldedSpan(data, this.#shared);
      const before = this.#byId.get(span.spanId);
      replaces ||= before !== undefined;
      if (before?.isReleased === true) this.#releasedBytes -= before.bytes;
      this.#byId.set(span.spanId, span);
      added.push(span);
    }
    this.#whole = this.#whole.concat(added);
    if (replaces || added.length > this.#runs.size * this.#many) this.#begin();
    else this.#insert(added);
  }

  /** Puts all spans in order, and counts them. */
  #begin(): void {
    this.#whole = this.#whole.filter((span) => this.#byId.get(span.spanId) === span);
    this.#waiting.clear();
    this.#scopes.clear();
    this.#mayHaveCycle = false;
    this.#reportsCost = false;
    this.#hasCallWithoutStart = false;
    this.#runs.fill(this.#byId.values());
    for (const span of this.#byId.values()) {
      this.#note(span);
      this.#link(span);
    }
    const tree = this.#tree();
    this.#mayHaveCycle = tree.cyclic > 0;
    if (this.#mayHaveCycle) return;
    this.#usage.recount(Array.from(tree.bottomUp, (position) => tree.spans[position] as FoldedSpan));
  }

  #insert(added: readonly FoldedSpan[]): void {
    const toTell = [...added];
    for (const span of added) {
      this.#note(span);
      this.#runs.insert(span);
      for (const child of this.#link(span)) {
        this.#usage.forgetTold(child);
        toTell.push(child);
      }
      this.#mayHaveCycle ||= mayBeOwnAncestor(span);
    }
    if (!this.#fits) return;
    for (const span of toTell) this.#usage.tell(span);
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

  #tree(): SpanTree {
    const ordered = this.#runs.all();
    ordered.forEach((span, position) => {
      span.position = position;
    });
    return treeOf(ordered, ({ parent }) => parent?.position);
  }

  project(): FoldStep<TraceProjection> {
    try {
      const reading = this.#fits
        ? new RunsReading(this.#runs.runs, this.#prices)
        : new WholeReading(this.#tree(), this.#prices);
      const projection = projectReading(this.#traceId, reading, this.#limits);
      const { input, output, firstError } = projection.provenance;
      this.#winners = new Set([input, output, firstError].flatMap((from) => from?.spanId ?? []));
      return { done: true, projection };
    } catch (error) {
      if (!(error instanceof SpanReleased)) throw error;
      return { done: false, needs: [error.spanId] };
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
    let wholeBytes = 0;
    this.#whole = this.#whole.filter((span) => {
      const isWinner = this.#winners.has(span.spanId);
      if (!isWinner) {
        span.release(this.#shared);
        this.#releasedBytes += span.bytes;
      } else wholeBytes += span.bytes;
      return isWinner;
    });
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
