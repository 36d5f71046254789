import type {
  AggregateRef,
  Event,
  EventSourcingService,
  EventStore,
  RebuildOptions,
  RebuildResult,
} from "@es/core";
import { EventSourcingError, tenantOfBoth } from "@es/core";
import { telemetryNames, warningListener, wholeNumber } from "@es/core/adapter";
import { metrics } from "@opentelemetry/api";
import type { ProjectionRun } from "../queue/projectionQueue.js";
import { liveGenerations } from "./projectionGeneration.js";
import type { GenerationsView } from "./watchGenerations.js";

/** A generation that a process can make: a service with its handler, over a store of its own. */
export interface RunnableGeneration<TEvent extends Event = Event> {
  readonly number: number;
  readonly service: Pick<
    EventSourcingService<string, TEvent, unknown>,
    "rebuildProjection" | "rebuildProjectionFrom" | "forceRebuildProjection"
  >;
}

export interface SideBySideProjectorOptions<TEvent extends Event> {
  readonly eventStore: Pick<EventStore<string, TEvent>, "getEvents">;
  /** What this process has handlers for; those that are live are made. */
  readonly runnable: readonly RunnableGeneration<TEvent>[];
  readonly generations: GenerationsView;
  /**
   * Aggregates whose generations beside the serving one are under way at once. Further ones are left to reconciling, so
   * that a generation whose store is slow keeps no events in memory. @default 1 000
   */
  readonly maxBeside?: number;
  /**
   * A generation beside the serving one could not be made: it lags until it is reconciled.
   * @default a warning of the process, each once a minute
   */
  readonly onBesideError?: (error: unknown, generation: number, ref: AggregateRef) => void;
}

const { attributes } = telemetryNames;

/**
 * Keeps all live generations of a projection up to date. Per run the events are read for all of them at once and the serving
 * generation is made first: its outcome is the run's. The others are made after it, and the run does not wait for them: one
 * that fails or hangs delays nothing but itself. (They do share the process: a handler that computes for long takes that
 * time from all.)
 *
 * Each generation gets the events as the store returns them to one caller: frozen, or its own. So a handler that changes its
 * events changes nothing that another generation sees.
 */
export class SideBySideProjector<TEvent extends Event> {
  readonly #options: SideBySideProjectorOptions<TEvent>;
  readonly #warn = warningListener("SideBySideProjector");
  readonly #services: ReadonlyMap<number, RunnableGeneration<TEvent>["service"]>;
  readonly #maxBeside: number;
  readonly #beside = new Set<Promise<void>>();
  readonly #outcomes = metrics.getMeter("@es/core").createCounter(telemetryNames.metrics.besideServing, {
    unit: "{run}",
    description: "Runs of generations beside the serving one, by outcome: rebuilt, failed, skipped",
  });

  constructor(options: SideBySideProjectorOptions<TEvent>) {
    this.#options = options;
    this.#services = new Map(options.runnable.map(({ number, service }) => [number, service]));
    this.#maxBeside = wholeNumber("maxBeside", options.maxBeside ?? 1_000, 1);
  }

  /**
   * For a worker. Rejects with what the serving generation's rebuild rejects with; `GENERATION_UNSUPPORTED` when this
   * process has a handler for none of the live generations. With one for some of them, the first of those counts as serving.
   */
  readonly run: ProjectionRun = async (ref, { signal }) => {
    const { first, others } = await this.#runnable();
    const context = { tenantId: ref.tenantId };
    if (others.length === 0) {
      // Nothing to share: the service may read less than everything.
      const contexts = { eventStoreContext: context, projectionStoreContext: context, signal };
      await this.#serviceOf(first).rebuildProjection(ref.aggregateId, contexts);
      return;
    }
    // Asked for at once, so that a store that shares round trips makes one.
    const [stored, ...copies] = await Promise.all(
      [first, ...others].map(() => this.#options.eventStore.getEvents(ref.aggregateId, context)),
    );
    try {
      await this.#rebuild(first, ref, stored ?? []);
    } finally {
      // Also when it failed: what is built may be what mends it.
      this.#makeBeside(others, ref, copies);
    }
  };

  /** As `EventSourcingService` does, in all live generations; waits for all. Its outcome is the serving one's. */
  rebuildProjection(aggregateId: string, options: RebuildOptions): Promise<RebuildResult<string, unknown>> {
    return this.#inAll(aggregateId, options, "rebuildProjection");
  }

  /** As `EventSourcingService` does, in all live generations; waits for all. Its outcome is the serving one's. */
  forceRebuildProjection(
    aggregateId: string,
    options: RebuildOptions,
  ): Promise<RebuildResult<string, unknown>> {
    return this.#inAll(aggregateId, options, "forceRebuildProjection");
  }

  /** Live generations that this process has no handler for. */
  async unsupported(): Promise<readonly number[]> {
    const live = liveGenerations(await this.#options.generations.current());
    return live.filter((number) => !this.#services.has(number));
  }

  /** Resolves when nothing is under way beside the serving generation. Call it after the worker has closed. */
  async drain(): Promise<void> {
    while (this.#beside.size > 0) await Promise.all(this.#beside);
  }

  /** Live generations with a handler here. @throws EventSourcingError `GENERATION_UNSUPPORTED` for none */
  async #runnable(): Promise<{ readonly first: number; readonly others: readonly number[] }> {
    const live = liveGenerations(await this.#options.generations.current());
    const [first, ...others] = live.filter((number) => this.#services.has(number));
    if (first !== undefined) return { first, others };
    const known = [...this.#services.keys()].join(", ");
    throw new EventSourcingError(
      "GENERATION_UNSUPPORTED",
      `Live generations: ${live.join(", ")}. This version has handlers for ${known || "none"}: run one that has.`,
    );
  }

  async #inAll(
    aggregateId: string,
    options: RebuildOptions,
    how: "rebuildProjection" | "forceRebuildProjection",
  ): Promise<RebuildResult<string, unknown>> {
    const { first, others } = await this.#runnable();
    const ref = { tenantId: tenantOfBoth(options), aggregateId };
    const [serving] = await Promise.all([
      this.#serviceOf(first)[how](aggregateId, options),
      ...others.map((generation) =>
        this.#attempt(generation, ref, () => this.#serviceOf(generation)[how](aggregateId, options)),
      ),
    ]);
    return serving;
  }

  #serviceOf(generation: number): RunnableGeneration<TEvent>["service"] {
    const service = this.#services.get(generation);
    if (service === undefined) throw new Error(`There is no handler for generation ${generation}.`);
    return service;
  }

  async #rebuild(generation: number, ref: AggregateRef, stored: readonly TEvent[]): Promise<void> {
    const context = { tenantId: ref.tenantId };
    await this.#serviceOf(generation).rebuildProjectionFrom(ref.aggregateId, stored, {
      eventStoreContext: context,
      projectionStoreContext: context,
    });
  }

  /** @param copies one for each generation */
  #makeBeside(
    generations: readonly number[],
    ref: AggregateRef,
    copies: readonly (readonly TEvent[])[],
  ): void {
    if (this.#beside.size >= this.#maxBeside) {
      for (const generation of generations) this.#count(generation, "skipped");
      return;
    }
    const made = Promise.all(
      generations.map((generation, place) =>
        this.#attempt(generation, ref, () => this.#rebuild(generation, ref, copies[place] ?? [])),
      ),
    ).then(() => void this.#beside.delete(made));
    this.#beside.add(made);
  }

  /** Never rejects. */
  async #attempt(generation: number, ref: AggregateRef, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      this.#count(generation, "rebuilt");
    } catch (error) {
      this.#count(generation, "failed");
      this.#report(error, generation, ref);
    }
  }

  #count(generation: number, outcome: "rebuilt" | "failed" | "skipped"): void {
    this.#outcomes.add(1, { [attributes.generation]: generation, [attributes.outcome]: outcome });
  }

  #report(error: unknown, generation: number, ref: AggregateRef): void {
    try {
      const { onBesideError = this.#warn } = this.#options;
      onBesideError(error, generation, ref);
    } catch {
      // A listener that throws must not become an unhandled rejection.
    }
  }
}
