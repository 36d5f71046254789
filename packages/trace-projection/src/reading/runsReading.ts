import type { ContentSide } from "../content/readContent.js";
import { rules } from "../conventions/conventions.js";
import type { OwnPrices } from "../cost/ownPrices.js";
import { type CostSummary, joinCost } from "../cost/traceCost.js";
import { askedInOrder, compareEnds, contentOf, type FoundContent } from "../selection/contentCandidates.js";
import { type FirstToken, findFirstToken } from "../selection/firstToken.js";
import { type FirstNameField, type FoundName, firstNameIn, type NameField } from "../selection/names.js";
import { visitMetadata, visitTags } from "../selection/tagsAndMetadata.js";
import { type TraceTimes, timesOf } from "../selection/traceTimes.js";
import type { FoldedSpan } from "../spans/foldedSpan.js";
import type { SpanFacts } from "../spans/spanFacts.js";
import type { Provenance, RootKind, SpanKind } from "../traceProjection.js";
import { joinUsage, type UsageSum } from "../usage/usageSum.js";
import { factsOf, type RunSummary, type SpanRun } from "./spanRun.js";
import { firstIndex } from "./spanRuns.js";
import type { TraceReading } from "./traceReading.js";
import { firstOf } from "./wholeReading.js";

/** What is counted over the tree, of a trace whose runs cannot be counted by themselves. */
export interface TreeCounts {
  readonly cyclicSpans: number;
  readonly usage: UsageSum;
  readonly cost: CostSummary;
}

/**
 * A trace read from what its runs say, in their order: `WholeReading` says the same of all spans. Usage and cost are those
 * of the runs, whose spans are counted already, where there are no cycles, twins and reported costs; else they are given.
 */
export class RunsReading implements TraceReading {
  readonly spanCount: number;
  readonly root: FoldedSpan | undefined;
  readonly rootKind: RootKind;
  readonly cyclicSpans: number;
  readonly times: TraceTimes;
  readonly errorCount: number;
  readonly firstError: FoldedSpan | undefined;
  readonly #runs: readonly SpanRun[];
  readonly #said: readonly RunSummary[];
  readonly #prices: OwnPrices;
  readonly #speaks: boolean;
  readonly #counts: TreeCounts | undefined;

  /** @param said what the runs say, in their order */
  constructor(runs: readonly SpanRun[], said: readonly RunSummary[], prices: OwnPrices, counts?: TreeCounts) {
    this.#counts = counts;
    this.cyclicSpans = counts?.cyclicSpans ?? 0;
    this.#runs = runs;
    this.#said = said;
    this.#prices = prices;
    this.spanCount = sum(runs, ({ spans }) => spans.length);
    const root = first(said, ({ firstWithoutParent }) => firstWithoutParent);
    const orphan = first(said, ({ firstOrphan }) => firstOrphan);
    this.root = root ?? orphan ?? first(said, (run) => run.first);
    this.rootKind = root !== undefined ? "root" : orphan !== undefined ? "orphan" : "none";
    // As `readTraceFacts` has it.
    this.#speaks =
      this.rootKind === "root" || (this.rootKind === "orphan" && sum(said, ({ orphans }) => orphans) === 1);
    this.times = timesOfRuns(said);
    this.errorCount = sum(said, (run) => run.errorCount);
    this.firstError = firstOf(said.flatMap(({ firstError }) => firstError ?? []));
  }

  get usage(): UsageSum {
    return this.#counts?.usage ?? joinUsage(this.#said.map(({ usage }) => usage()));
  }

  get cost(): CostSummary {
    if (this.#counts !== undefined) return this.#counts.cost;
    const parts = this.#said.map(({ cost }) => cost());
    return joinCost(parts, this.#prices);
  }

  get firstToken(): FirstToken {
    const spans = this.#said.flatMap(({ firstToken: { call, trace } }) => {
      const found = [...new Set([call?.span, trace?.span])].flatMap((span) => span ?? []) as FoldedSpan[];
      return found.length < 2 ? found : found.sort(compareInRun);
    });
    return {
      ...findFirstToken(spans),
      early: sum(this.#said, ({ firstToken }) => firstToken.early),
      implausible: sum(this.#said, ({ firstToken }) => firstToken.implausible),
    };
  }

  get droppedByEmitter(): number {
    return sum(this.#said, (run) => run.droppedByEmitter);
  }

  get kinds(): Partial<Record<SpanKind, number>> {
    const counts: Partial<Record<SpanKind, number>> = {};
    for (const { kinds } of this.#said) {
      for (const [kind, count] of Object.entries(kinds) as [SpanKind, number][]) {
        counts[kind] = (counts[kind] ?? 0) + count;
      }
    }
    return counts;
  }

  *content(side: ContentSide): Generator<void, FoundContent | undefined> {
    const root = this.root === undefined ? undefined : factsOf(this.root);
    for (const weak of [false, true]) {
      const spoken = this.#speaks && root !== undefined ? contentOf(root, side, weak) : undefined;
      if (spoken !== undefined) return spoken;
      for (const aside of [false, true]) {
        // The root is the first also where it does not speak for the others.
        const asked = yield* this.#ask(side, weak, aside, root);
        if (asked !== undefined) return asked;
      }
    }
    return undefined;
  }

  /** Whoever is found to hold nothing is not asked again; so in the end each span is asked once. */
  *#ask(
    side: ContentSide,
    weak: boolean,
    aside: boolean,
    root: SpanFacts | undefined,
  ): Generator<void, FoundContent | undefined> {
    const ask = (run: number) => this.#runs[run]?.toAsk(side, weak, aside, this.#said[run] as RunSummary);
    if (side === "input") {
      for (const facts of root === undefined ? [] : askedInOrder([root], side, weak, aside)) {
        const found = contentOf(facts, side, weak);
        if (found !== undefined) return found;
      }
      for (let run = 0; run < this.#runs.length; run++) {
        for (let next = ask(run); next !== undefined; next = ask(run)) {
          const found = contentOf(next, side, weak);
          if (found !== undefined) return found;
          yield;
        }
      }
      return undefined;
    }
    // The one to ask next of each run, the first of them at the end.
    const heads = this.#runs
      .flatMap((_, run): Head[] => {
        const facts = ask(run);
        return facts === undefined ? [] : [{ facts, run }];
      })
      .sort(lastAskedFirst);
    for (let head = heads.pop(); head !== undefined; head = heads.pop()) {
      const found = contentOf(head.facts, side, weak);
      if (found !== undefined) return found;
      yield;
      const facts = ask(head.run);
      if (facts === undefined) continue;
      const next = { facts, run: head.run };
      heads.splice(
        firstIndex(heads.length, (i) => lastAskedFirst(next, heads[i] as Head) < 0),
        0,
        next,
      );
    }
    return undefined;
  }

  distinctNames(field: NameField): Map<string, Provenance> {
    return distinct(this.#said.map(({ names }) => names[field]));
  }

  distinctServices(): Map<string, Provenance> {
    return distinct(this.#said.map(({ services }) => services));
  }

  firstName(field: FirstNameField): FoundName | undefined {
    const ofRoot = this.root === undefined ? undefined : firstNameIn(this.root, rules[field]);
    return ofRoot ?? first(this.#said, ({ firstNames }) => firstNames[field]);
  }

  *visitTags(visit: Parameters<TraceReading["visitTags"]>[0]): Generator<void, void> {
    const { root } = this;
    if (root !== undefined) visitTags(root, (tag, rule, tooDeep) => visit(tag, rule, root, tooDeep));
    for (const { tags } of this.#said) {
      yield;
      for (const { tag, rule, span, tooDeep } of tags) visit(tag, rule, span, tooDeep);
    }
  }

  *visitMetadata(visit: Parameters<TraceReading["visitMetadata"]>[0]): Generator<void, void> {
    const { root } = this;
    if (root !== undefined) visitMetadata(root, (key, value, rule) => visit(key, value, rule, root));
    for (const { metadata } of this.#said) {
      yield;
      for (const { key, value, rule, span } of metadata) visit(key, value, rule, span);
    }
  }
}

/** Whom to ask next of a run. */
interface Head {
  readonly facts: SpanFacts;
  readonly run: number;
}

function lastAskedFirst(a: Head, b: Head): number {
  return compareEnds(b.facts, a.facts);
}

export function timesOfRuns(said: readonly RunSummary[]): TraceTimes {
  return {
    ...timesOf(said.flatMap(({ timeSpans }) => timeSpans)),
    flags: {
      negativeDurations: sum(said, ({ times }) => times.flags.negativeDurations),
      zeroTimestamps: sum(said, ({ times }) => times.flags.zeroTimestamps),
    },
  };
}

/** Two spans of one run. */
function compareInRun(a: FoldedSpan, b: FoldedSpan): number {
  const { spans } = a.run as SpanRun;
  return spans.indexOf(a) - spans.indexOf(b);
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}

function first<T, R>(items: readonly T[], read: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = read(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function distinct(parts: readonly ReadonlyMap<string, Provenance>[]): Map<string, Provenance> {
  const values = new Map<string, Provenance>();
  for (const part of parts) {
    for (const [value, provenance] of part) if (!values.has(value)) values.set(value, provenance);
  }
  return values;
}
