import type { EventStore } from "@es/core";
import { assertAggregateId, EventSourcingError, parseTenantId, type TenantId } from "@es/core";
import { createAcceptedClock } from "@es/core/adapter";
import { foldGenerations, type GenerationChange, type GenerationChangeType } from "./generationChange.js";
import { assertGenerationNumber, type GenerationSet } from "./projectionGeneration.js";

export interface ProjectionGenerationsOptions {
  /** Where the changes are kept. They are few. */
  readonly eventStore: Pick<EventStore<string, GenerationChange>, "storeEvents" | "getEvents">;
  /** The kind of projection, such as `trace`: an aggregate id of that store. */
  readonly projection: string;
  /** Serves where no change was recorded. @default 1 */
  readonly initial?: number;
  /** Under which the changes are kept: generations are those of all tenants. @default "generations" */
  readonly tenantId?: TenantId;
}

/**
 * Which generations a projection has, and which one serves: the durable pointer every process follows.
 *
 * Guarantees over any event store, whoever changes it at the same time:
 * - a read gives exactly one serving generation, which is not retired; never none;
 * - when a change resolves it is durable, and is in what it resolves with;
 * - of concurrent switches one comes last: its generation serves, for every reader, and the call of the other rejects or
 *   had its turn before;
 * - repeating a change that was made changes nothing. A roll back that is repeated does not roll forward.
 *
 * Calls reject with `EventSourcingError`: `GENERATION_REFUSED` when the change is not possible as things stand,
 * `INVALID_OPTIONS`, and what the event store rejects with.
 */
export class ProjectionGenerations {
  readonly #options: ProjectionGenerationsOptions;
  readonly #initial: number;
  readonly #tenantId: TenantId;
  readonly #clock = createAcceptedClock();

  constructor(options: ProjectionGenerationsOptions) {
    const { projection, initial = 1, tenantId = parseTenantId("generations") } = options;
    assertAggregateId(projection);
    assertGenerationNumber(initial);
    this.#options = options;
    this.#initial = initial;
    this.#tenantId = parseTenantId(tenantId);
  }

  async read(): Promise<GenerationSet> {
    return foldGenerations(this.#options.projection, await this.#changes(), this.#initial);
  }

  /**
   * Records which generation serves from the start, unless that is recorded. Call it where the schema is made: a later
   * release with another `initial` then leaves what is there as it is.
   */
  async open(): Promise<GenerationSet> {
    const changes = await this.#changes();
    if (!changes.some(({ type }) => type === "generation.opened")) {
      await this.#append("generation.opened", this.#initial, 0);
    }
    return this.read();
  }

  /** Starts building it. Room for it must be there already. */
  async begin(generation: number): Promise<GenerationSet> {
    return this.#change("generation.begun", generation, (set, state) => {
      if (state === "building") return "done";
      if (state !== undefined) {
        return `generation ${generation} is ${state}: a number is used once. Raise the version of the handler.`;
      }
      if (generation < set.serving) {
        return `generation ${generation} is older than the serving ${set.serving}. Raise the version of the handler.`;
      }
      return "possible";
    });
  }

  /** From the next read on it serves, and the one that did stands by. */
  async switchTo(generation: number): Promise<GenerationSet> {
    return this.#change("generation.switched", generation, (_, state) => {
      if (state === "serving") return "done";
      if (state === undefined) return `there is no generation ${generation}: begin it first.`;
      if (state === "retired") return `generation ${generation} is retired, and not kept up.`;
      return "possible";
    });
  }

  /** Switches back to the generation that served before. Possible once; then say which with {@link switchTo}. */
  async rollBack(): Promise<GenerationSet> {
    const { previous, serving } = await this.read();
    if (previous === null) {
      throw this.#refused(`generation ${serving} serves, and none before it can be rolled back to.`);
    }
    return this.#change("generation.rolled-back", previous, (set) =>
      set.previous === previous ? "possible" : set.serving === previous ? "done" : overtaken(set.serving),
    );
  }

  /** Stops keeping it up. There is no way back. */
  async retire(generation: number): Promise<GenerationSet> {
    return this.#change("generation.retired", generation, (_, state) => {
      if (state === "retired") return "done";
      if (state === undefined) return `there is no generation ${generation}.`;
      if (state === "serving") return `generation ${generation} serves: switch to another first.`;
      return "possible";
    });
  }

  async #change(
    type: Exclude<GenerationChangeType, "generation.opened">,
    generation: number,
    /** `possible`, `done` already, or why it is refused. */
    judge: (set: GenerationSet, state: string | undefined) => string,
  ): Promise<GenerationSet> {
    assertGenerationNumber(generation);
    const before = await this.read();
    const verdict = judge(before, stateOf(before, generation));
    if (verdict === "done") return before;
    if (verdict !== "possible") throw this.#refused(verdict);
    await this.#append(type, generation, before.revision + 1);
    const after = await this.read();
    // Changes of others may have come before ours, or after it. What counts is what is there.
    if (!isEffective(type, stateOf(after, generation))) throw this.#refused(overtaken(after.serving));
    return after;
  }

  #changes(): Promise<readonly GenerationChange[]> {
    return this.#options.eventStore.getEvents(this.#options.projection, { tenantId: this.#tenantId });
  }

  async #append(type: GenerationChangeType, generation: number, revision: number): Promise<void> {
    const acceptedAt = this.#clock.next();
    const change: GenerationChange = {
      id: `${String(revision).padStart(10, "0")}-${crypto.randomUUID()}`,
      aggregateId: this.#options.projection,
      type,
      occurredAt: acceptedAt,
      acceptedAt,
      data: { generation, revision },
    };
    await this.#options.eventStore.storeEvents([change], { tenantId: this.#tenantId });
  }

  #refused(reason: string): EventSourcingError {
    const { projection } = this.#options;
    return new EventSourcingError(
      "GENERATION_REFUSED",
      `Projection ${JSON.stringify(projection)}: ${reason}`,
      { fields: { projection } },
    );
  }
}

function stateOf({ generations }: GenerationSet, generation: number): string | undefined {
  return generations.find(({ number }) => number === generation)?.state;
}

function isEffective(type: GenerationChangeType, state: string | undefined): boolean {
  if (type === "generation.begun") return state !== undefined;
  if (type === "generation.retired") return state === "retired";
  return state === "serving";
}

function overtaken(serving: number): string {
  return `another change came first; generation ${serving} serves now. Look again before you repeat it.`;
}
