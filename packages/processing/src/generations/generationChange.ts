import type { Event } from "@es/core";
import { createEventStream } from "@es/core";
import { compareIds } from "@es/core/adapter";
import type { GenerationSet, GenerationState, ProjectionGeneration } from "./projectionGeneration.js";

/**
 * - `generation.opened`: serves from the start; recorded once, before any other.
 * - `generation.begun`: is built.
 * - `generation.switched`: serves, and the one that did stands by.
 * - `generation.rolled-back`: the same, after which there is nothing to roll back to.
 * - `generation.retired`: is not kept up any more.
 */
export type GenerationChangeType =
  | "generation.opened"
  | "generation.begun"
  | "generation.switched"
  | "generation.rolled-back"
  | "generation.retired";

export interface GenerationChangeData {
  readonly generation: number;
  /** One more than the writer had read. Of concurrent changes with one revision the id decides which comes first. */
  readonly revision: number;
}

/** A change to the generations of a projection, whose name is the aggregate id. Changes are kept for ever. */
export type GenerationChange = Event<GenerationChangeType, GenerationChangeData>;

/**
 * The generations after a set of changes, in whatever order they come: by revision, then id. A change that is not
 * possible after those before it is passed over, so every set of changes leaves exactly one generation serving, and that
 * one never retired.
 *
 * @param initial serves where no change says which did from the start
 */
export function foldGenerations(
  projection: string,
  changes: readonly GenerationChange[],
  initial: number,
): GenerationSet {
  const { events } = createEventStream(projection, changes, { ordering: byRevision });
  const opened = events.find(({ type }) => type === "generation.opened");
  const generations = new Map<number, ProjectionGeneration>();
  let serving = opened?.data.generation ?? initial;
  let previous: number | null = null;
  let revision = 0;
  const become = (number: number, state: GenerationState, since: bigint) =>
    generations.set(number, { number, state, since });

  become(serving, "serving", opened?.acceptedAt ?? 0n);
  for (const { type, acceptedAt, data } of events) {
    const { generation } = data;
    const known = generations.get(generation);
    revision = Math.max(revision, data.revision);
    switch (type) {
      case "generation.opened":
        break;
      case "generation.begun":
        if (known === undefined) become(generation, "building", acceptedAt);
        break;
      case "generation.switched":
      case "generation.rolled-back":
        if (known === undefined || known.state === "retired" || generation === serving) break;
        become(serving, "standby", acceptedAt);
        become(generation, "serving", acceptedAt);
        previous = type === "generation.switched" ? serving : null;
        serving = generation;
        break;
      case "generation.retired":
        if (known === undefined || known.state === "retired" || generation === serving) break;
        become(generation, "retired", acceptedAt);
        if (previous === generation) previous = null;
        break;
    }
  }
  return {
    projection,
    revision,
    serving,
    previous,
    generations: [...generations.values()].sort((a, b) => a.number - b.number),
  };
}

/** A total order, so that the set of changes decides alone. Of openings at once, by several releases, the smallest counts. */
function byRevision(a: GenerationChange, b: GenerationChange): number {
  const openings = Number(b.type === "generation.opened") - Number(a.type === "generation.opened");
  if (a.data.revision !== b.data.revision) return a.data.revision - b.data.revision;
  if (openings !== 0) return openings;
  if (a.type === "generation.opened" && a.data.generation !== b.data.generation) {
    return a.data.generation - b.data.generation;
  }
  return compareIds(a.id, b.id);
}
