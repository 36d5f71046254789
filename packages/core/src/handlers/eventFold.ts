import type { Event } from "../events/event.js";

/** What `EventFold.project` gives: the projection, or the events it has to see again first. */
export type FoldStep<TProjection> =
  | { readonly done: true; readonly projection: TProjection }
  | { readonly done: false; readonly needs: readonly string[] };

/**
 * What a handler keeps of one aggregate between rebuilds, so that a large one is folded from what changed.
 *
 * Whatever was added, in whatever order and however split, `project` gives exactly what `EventHandler.handle` gives for
 * the stream of the same events.
 */
export interface EventFold<TEvent extends Event = Event, TProjection = unknown> {
  /**
   * Takes events, each of another id. One with the id of an event it has replaces that one.
   *
   * A throw of this or of `project` fails the rebuild as one of `handle` does, and ends this fold.
   */
  add(events: readonly TEvent[]): void;

  /**
   * The projection of all that was added. It may be called again without anything new. Arrays and plain objects in it may be
   * the fold's own: a service that keeps the fold hands out a copy. Maps and instances of classes are handed out as they are.
   */
  project(): FoldStep<TProjection>;

  /** Gives events back that `project` asked for: as they were added. */
  recall(events: readonly TEvent[]): void;

  /**
   * Lets go of what takes much room, such as the data of events, and keeps what another `add` and `project` need.
   *
   * @returns about how many bytes it holds from now on
   */
  release(): number;

  /**
   * `add` in steps of at most a few milliseconds, for a fold that may take longer: between them a service serves others.
   * What is not run to its end ends this fold. Likewise the next two.
   */
  addInSteps?(events: readonly TEvent[]): Generator<void, void>;

  /** `project` in steps. */
  projectInSteps?(): Generator<void, FoldStep<TProjection>>;

  /** `release` in steps. */
  releaseInSteps?(): Generator<void, number>;
}
