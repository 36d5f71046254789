import { compareIds } from "@es/core/adapter";
import type { OtlpSpan } from "@es/otlp";
import type { RootKind } from "../traceProjection.js";

/** The spans of a trace in their one order, and how they hang together. Spans are named by their position. */
export interface SpanTree<TSpan extends OtlpSpan = OtlpSpan> {
  /** By start, then span id; spans without a start time last. */
  readonly spans: readonly TSpan[];
  /** Position of the parent; -1 if it has none, has not arrived, or the link was cut to break a cycle. */
  readonly parents: Int32Array;
  /** Every position once, each after all its descendants. */
  readonly bottomUp: Int32Array;
  /** Position of the root; -1 for an empty trace. With `kind` `none` it is the earliest span. */
  readonly root: number;
  readonly rootKind: RootKind;
  /** Spans whose parent has not arrived. */
  readonly orphans: number;
  /** Spans that are their own ancestors. */
  readonly cyclic: number;
}

export function compareSpans(a: OtlpSpan, b: OtlpSpan): number {
  if (a.startTimeUnixNano !== b.startTimeUnixNano) {
    if (a.startTimeUnixNano === 0n) return 1;
    if (b.startTimeUnixNano === 0n) return -1;
    return a.startTimeUnixNano < b.startTimeUnixNano ? -1 : 1;
  }
  return compareIds(a.spanId, b.spanId);
}

/** @param spans distinct by span id, in any order */
export function buildSpanTree(spans: readonly OtlpSpan[]): SpanTree {
  const ordered = isOrdered(spans) ? spans : spans.toSorted(compareSpans);
  const positions = new Map<string, number>();
  ordered.forEach((span, position) => {
    positions.set(span.spanId, position);
  });
  return treeOf(ordered, (span) => positions.get(span.parentSpanId));
}

/**
 * @param ordered by {@link compareSpans}
 * @param parentOf the position of the span above, if it is there; asked of spans with a parent id
 */
export function treeOf<TSpan extends OtlpSpan>(
  ordered: readonly TSpan[],
  parentOf: (span: TSpan) => number | undefined,
): SpanTree<TSpan> {
  const parents = new Int32Array(ordered.length).fill(-1);
  const waitingFor = new Int32Array(ordered.length);
  let root = -1;
  let orphan = -1;
  let orphans = 0;
  ordered.forEach((span, position) => {
    if (span.parentSpanId === "") {
      if (root === -1) root = position;
      return;
    }
    const parent = parentOf(span);
    if (parent === undefined) {
      if (orphan === -1) orphan = position;
      orphans++;
      return;
    }
    parents[position] = parent;
    waitingFor[parent] = (waitingFor[parent] as number) + 1;
  });
  const { bottomUp, cyclic } = orderBottomUp(parents, waitingFor);
  const earliest = ordered.length === 0 ? -1 : 0;
  return {
    spans: ordered,
    parents,
    bottomUp,
    root: root !== -1 ? root : orphan !== -1 ? orphan : earliest,
    rootKind: root !== -1 ? "root" : orphan !== -1 ? "orphan" : "none",
    orphans,
    cyclic,
  };
}

/** Peels the tree from its leaves. What is left are cycles: each is cut above its earliest span, and peeling goes on. */
function orderBottomUp(
  parents: Int32Array,
  waitingFor: Int32Array,
): { bottomUp: Int32Array; cyclic: number } {
  const bottomUp = new Int32Array(parents.length);
  let filled = 0;
  const peel = (leaf: number) => {
    let position = leaf;
    while (position !== -1 && waitingFor[position] === 0) {
      waitingFor[position] = -1;
      bottomUp[filled++] = position;
      position = parents[position] as number;
      if (position !== -1) waitingFor[position] = (waitingFor[position] as number) - 1;
    }
  };
  for (let position = 0; position < parents.length; position++) {
    if (waitingFor[position] === 0) peel(position);
  }
  const cyclic = parents.length - filled;
  for (let position = 0; filled < parents.length; position++) {
    if (waitingFor[position] === -1) continue;
    const parent = parents[position] as number;
    parents[position] = -1;
    waitingFor[parent] = (waitingFor[parent] as number) - 1;
    peel(parent);
  }
  return { bottomUp, cyclic };
}

function isOrdered(spans: readonly OtlpSpan[]): boolean {
  for (let i = 1; i < spans.length; i++) {
    if (compareSpans(spans[i - 1] as OtlpSpan, spans[i] as OtlpSpan) > 0) return false;
  }
  return true;
}
