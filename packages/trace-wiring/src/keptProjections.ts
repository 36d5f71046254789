import type { Event, EventSourcingService } from "@es/core";
import type { GenerationsView, LagSource, SideBySideProjector } from "@es/processing";
import type { GenerationFailureListener } from "./generationFailures.js";

/** One kind of projection in all its generations: what a worker needs to keep it up to date. */
export interface KeptProjections {
  /** As they were half a second ago at most. */
  readonly view: GenerationsView;
  /** The generations this process has handlers for. */
  readonly runnable: readonly number[];
  /** Rebuilds aggregates in all live generations. */
  readonly projector: Pick<
    SideBySideProjector<Event>,
    "run" | "rebuildProjection" | "forceRebuildProjection" | "unsupported" | "drain"
  >;
  /** Logs that a generation beside the serving one could not be made of an aggregate: the first of many, now and then. */
  readonly reportFailure: GenerationFailureListener;
  serviceOf(generation: number): Pick<EventSourcingService<string, Event, unknown>, "rebuildProjection">;
  lagOf(generation: number): LagSource;
}
