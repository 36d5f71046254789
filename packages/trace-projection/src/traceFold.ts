import type { EventFold, FoldStep } from "@es/core";
import { buildTreeProjection } from "./buildTraceProjection.js";
import type { ContentLimits } from "./content/contentLimits.js";
import type { OwnPrices } from "./cost/ownPrices.js";
import type { SpanEvent } from "./spanEvent.js";
import { FoldedSpan, SharedValues, SpanReleased } from "./spans/foldedSpan.js";
import { compareSpans, treeOf } from "./spans/spanTree.js";
import type { TraceProjection } from "./traceProjection.js";

/** About what a span without its data takes, with what the readers found in it. */
const BYTES_PER_SPAN = 800;

/**
 * A trace between rebuilds. Of every span it keeps what the rules read, and the data of those only that gave the
 * projection its content; the tree is mended where spans arrive. The projection is then built by the same code as from all
 * spans at once, over what is known of them.
 */
export class TraceFold implements EventFold<SpanEvent, TraceProjection> {
  readonly #traceId: string;
  readonly #limits: ContentLimits;
  readonly #prices: OwnPrices;
  readonly #byId = new Map<string, FoldedSpan>();
  /** By start, then span id. */
  #ordered: FoldedSpan[] = [];
  /** By the id of a parent that has not arrived. */
  #waiting = new Map<string, FoldedSpan[]>();
  /** Those with their data. */
  #whole: FoldedSpan[] = [];
  readonly #shared = new SharedValues();
  /** Spans that gave the last projection what is read again each time. */
  #winners: ReadonlySet<string> = new Set();

  constructor(traceId: string, limits: ContentLimits, prices: OwnPrices) {
    this.#traceId = traceId;
    this.#limits = limits;
    this.#prices = prices;
  }

  add(events: readonly SpanEvent[]): void {
    const added: FoldedSpan[] = [];
    let replaces = false;
    for (const { data } of events) {
      const span = new FoldedSpan(data, this.#shared);
      replaces ||= this.#byId.has(span.spanId);
      this.#byId.set(span.spanId, span);
      added.push(span);
    }
    this.#whole = this.#whole.concat(added);
    if (replaces) {
      this.#whole = this.#whole.filter((span) => this.#byId.get(span.spanId) === span);
      this.#ordered = [...this.#byId.values()].sort(compareSpans);
      this.#waiting.clear();
      for (const span of this.#ordered) this.#link(span);
      return;
    }
    added.sort(compareSpans);
    this.#ordered = merged(this.#ordered, added);
    for (const span of added) this.#link(span);
  }

  project(): FoldStep<TraceProjection> {
    this.#ordered.forEach((span, position) => {
      span.position = position;
    });
    const tree = treeOf(this.#ordered, ({ parent }) => parent?.position);
    try {
      const projection = buildTreeProjection(this.#traceId, tree, this.#limits, this.#prices);
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
      span.recall(data);
      this.#whole.push(span);
    }
  }

  release(): number {
    this.#whole = this.#whole.filter((span) => {
      if (this.#winners.has(span.spanId)) return true;
      span.release(this.#shared);
      return false;
    });
    return this.#ordered.length * BYTES_PER_SPAN + this.#shared.bytes;
  }

  /** Finds the span above, and is found by those below. */
  #link(span: FoldedSpan): void {
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
    for (const child of this.#waiting.get(spanId) ?? []) child.parent = span;
    this.#waiting.delete(spanId);
  }
}

/** Two orders made one. What arrives late mostly goes near the end. */
function merged(ordered: FoldedSpan[], added: readonly FoldedSpan[]): FoldedSpan[] {
  const [first] = added;
  if (first === undefined) return ordered;
  let from = ordered.length;
  while (from > 0 && compareSpans(ordered[from - 1] as FoldedSpan, first) > 0) from--;
  const moved = ordered.splice(from);
  let next = 0;
  for (const span of added) {
    while (next < moved.length && compareSpans(moved[next] as FoldedSpan, span) < 0) {
      ordered.push(moved[next++] as FoldedSpan);
    }
    ordered.push(span);
  }
  for (; next < moved.length; next++) ordered.push(moved[next] as FoldedSpan);
  return ordered;
}
