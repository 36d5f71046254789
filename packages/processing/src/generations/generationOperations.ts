import type { AggregateRef } from "@es/core";
import { EventSourcingError } from "@es/core";
import { milliseconds } from "@es/core/adapter";
import { rest } from "../pace/rest.js";
import type { LagSource } from "../reconcile/lagSource.js";
import {
  type CompareGenerationsOptions,
  compareGenerations,
  type GenerationComparison,
  type ReadableGeneration,
} from "./compareGenerations.js";
import { findGenerationGap } from "./generationGap.js";
import type { GenerationSet } from "./projectionGeneration.js";
import type { ProjectionGenerations } from "./projectionGenerations.js";

/** Where the output of generations is kept. Every call takes any generation. */
export interface GenerationStorage {
  /** Makes room for a generation. Safe to repeat. */
  prepare(generation: number): Promise<void>;
  storeOf(generation: number): ReadableGeneration;
  lagOf(generation: number): LagSource;
  /** Aggregates with a projection in either: so many chosen by the seed, or all page by page. */
  sample(generations: readonly [number, number], sample: GenerationSample): AsyncIterable<AggregateRef>;
  /** Removes everything a retired generation holds. Safe to repeat. */
  drop(generation: number): Promise<void>;
}

/** The same seed chooses the same aggregates of the same ones. */
export type GenerationSample = { readonly size: number; readonly seed: number } | "all";

export interface GenerationOperationsOptions {
  readonly generations: ProjectionGenerations;
  readonly storage: GenerationStorage;
  /** What this process has handlers for. */
  readonly runnable: readonly number[];
}

export interface CompareOptions
  extends Pick<CompareGenerationsOptions, "maxFields" | "maxExamples" | "signal"> {
  /** @default the serving one */
  readonly from?: number;
  readonly to: number;
  /** Certain aggregates, or a sample. @default 1 000 by seed 1 */
  readonly refs?: readonly AggregateRef[];
  readonly sample?: GenerationSample;
}

export interface SwitchOptions {
  /** Although it is behind. Until it has caught up, some projections are older than they were. @default false */
  readonly force?: boolean;
  /** How long what is under way may take to catch up, milliseconds. @default 5 000 */
  readonly graceMs?: number;
}

export interface DropOptions {
  /** How long everybody may take to notice that it is retired, milliseconds. @default 5 000 */
  readonly settleMs?: number;
}

/** What an operator does with generations. Rejects as `ProjectionGenerations` does. */
export class GenerationOperations {
  readonly #options: GenerationOperationsOptions;

  constructor(options: GenerationOperationsOptions) {
    this.#options = options;
  }

  /** What this process has handlers for. */
  get runnable(): readonly number[] {
    return this.#options.runnable;
  }

  list(): Promise<GenerationSet> {
    return this.#options.generations.read();
  }

  /** Makes room for it and starts building it: workers with its handler fill it and keep it up from then on. */
  async begin(generation: number): Promise<GenerationSet> {
    const { generations, storage, runnable } = this.#options;
    if (!runnable.includes(generation)) {
      throw refused(
        `this version has handlers for ${runnable.join(", ")}, none for generation ${generation}. Deploy one that has.`,
      );
    }
    await storage.prepare(generation);
    return generations.begin(generation);
  }

  async compare(options: CompareOptions): Promise<GenerationComparison> {
    const { generations, storage } = this.#options;
    const set = await generations.read();
    const { from = set.serving, to, refs, sample = { size: 1_000, seed: 1 }, ...limits } = options;
    for (const number of [from, to]) assertKept(set, number);
    return compareGenerations({
      ...limits,
      from: storage.storeOf(from),
      to: storage.storeOf(to),
      refs: refs ?? storage.sample([from, to], sample),
    });
  }

  /** @throws EventSourcingError `GENERATION_REFUSED` also while the generation is behind the serving one */
  async switchTo(
    generation: number,
    { force = false, graceMs = 5_000 }: SwitchOptions = {},
  ): Promise<GenerationSet> {
    milliseconds("graceMs", graceMs, 0);
    const { generations, storage } = this.#options;
    const set = await generations.read();
    if (set.serving !== generation && !force) {
      assertKept(set, generation);
      const gap = await findGenerationGap({
        lag: storage.lagOf(generation),
        serving: storage.storeOf(set.serving),
        candidate: storage.storeOf(generation),
        graceMs,
      });
      if (gap.behind > 0) throw behind(generation, gap.behind, gap.isComplete, gap.examples);
    }
    return generations.switchTo(generation);
  }

  /** At once, whether the generation before is behind or not. */
  rollBack(): Promise<GenerationSet> {
    return this.#options.generations.rollBack();
  }

  retire(generation: number): Promise<GenerationSet> {
    return this.#options.generations.retire(generation);
  }

  /**
   * Removes what a retired generation holds. Waits until it has been retired for a while first: who has not noticed yet
   * would go on filling it.
   */
  async drop(generation: number, { settleMs = 5_000 }: DropOptions = {}): Promise<void> {
    milliseconds("settleMs", settleMs, 0);
    const { generations, storage } = this.#options;
    const set = await generations.read();
    const known = set.generations.find(({ number }) => number === generation);
    if (known?.state !== "retired") {
      throw refused(
        `generation ${generation} is ${known?.state ?? "unknown"}: only what is retired can be dropped.`,
      );
    }
    // Whose clock said when does not matter much: it waits no longer than this, and what comes later is in nobody's way.
    const retiredForMs = Date.now() - Number(known.since / 1_000_000n);
    await rest(Math.min(settleMs, settleMs - retiredForMs), undefined);
    await storage.drop(generation);
  }
}

function assertKept({ generations }: GenerationSet, generation: number): void {
  const state = generations.find(({ number }) => number === generation)?.state;
  if (state === undefined) throw refused(`there is no generation ${generation}: begin it first.`);
  if (state === "retired") throw refused(`generation ${generation} is retired, and not kept up.`);
}

function behind(
  generation: number,
  count: number,
  isComplete: boolean,
  examples: readonly AggregateRef[],
): EventSourcingError {
  const some = examples.map(({ tenantId, aggregateId }) =>
    JSON.stringify([tenantId, aggregateId.slice(0, 64)]),
  );
  return refused(
    `generation ${generation} is behind the serving one in ${isComplete ? count : `${count} or more`} aggregates ` +
      `(tenant, id): ${some.join(", ")}${count > examples.length ? ", …" : ""}. ` +
      "Wait until it is built; what its handler refuses is in the log. To switch all the same, force it.",
    { behind: count },
  );
}

function refused(reason: string, fields: Readonly<Record<string, number>> = {}): EventSourcingError {
  return new EventSourcingError("GENERATION_REFUSED", `${reason[0]?.toUpperCase()}${reason.slice(1)}`, {
    fields,
  });
}
