import type { FoldedSpan } from "../spans/foldedSpan.js";
import { compareSpans } from "../spans/spanTree.js";
import { sortInSteps } from "../steps.js";
import { SpanRun } from "./spanRun.js";

/** The spans of a trace in their order, in runs. */
export class SpanRuns {
  readonly #length: number;
  #runs: SpanRun[] = [];
  #size = 0;

  /** @param length of a run; it is split when it has twice as many */
  constructor(length: number) {
    this.#length = length;
  }

  get runs(): readonly SpanRun[] {
    return this.#runs;
  }

  get size(): number {
    return this.#size;
  }

  all(): FoldedSpan[] {
    return this.#runs.flatMap(({ spans }) => spans);
  }

  /** Makes them anew. */
  *fill(spans: Iterable<FoldedSpan>): Generator<void, void> {
    const ordered = yield* sortInSteps([...spans], compareSpans);
    this.#size = ordered.length;
    this.#runs = [];
    for (let from = 0; from < ordered.length; from += this.#length) {
      if (this.#runs.push(runOf(ordered.slice(from, from + this.#length))) % 16 === 0) yield;
    }
  }

  insert(span: FoldedSpan): void {
    const at = Math.min(
      firstIndex(this.#runs.length, (i) => isBefore(span, this.#runs[i]?.spans.at(-1))),
      Math.max(0, this.#runs.length - 1),
    );
    const run = this.#runs[at];
    this.#size++;
    if (run === undefined) {
      this.#runs.push(runOf([span]));
      return;
    }
    const { spans } = run;
    spans.splice(
      firstIndex(spans.length, (i) => isBefore(span, spans[i])),
      0,
      span,
    );
    run.stale = true;
    span.run = run;
    if (spans.length < 2 * this.#length) return;
    this.#runs.splice(at + 1, 0, runOf(spans.splice(this.#length)));
  }
}

function runOf(spans: FoldedSpan[]): SpanRun {
  const run = new SpanRun(spans);
  for (const span of spans) span.run = run;
  return run;
}

function isBefore(span: FoldedSpan, other: FoldedSpan | undefined): boolean {
  return other !== undefined && compareSpans(span, other) < 0;
}

/** The first for which it holds, by halving; `length` if for none. It holds for all after the first. */
export function firstIndex(length: number, holds: (index: number) => boolean): number {
  let [from, to] = [0, length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
