import type { Event } from "../events/event.js";
import type { EventStream } from "../streams/eventStream.js";
import type { EventFold } from "./eventFold.js";

/** Folds the events of one aggregate into its projection. */
export interface EventHandler<
  TAggregateId extends string = string,
  TEvent extends Event = Event,
  TProjection = unknown,
> {
  /** Raise it when `handle` changes: projections of a greater version replace those of a smaller. @default 1 */
  readonly version?: number;

  /**
   * A pure function of the stream: no I/O, no clock, no randomness, no state kept between calls. What it throws is
   * taken as tied to this one aggregate (`HANDLER_FAILED`).
   */
  handle(stream: EventStream<TAggregateId, TEvent>): TProjection;

  /**
   * Offers to fold large aggregates from what changed: an empty fold of one. Only for a handler whose result does not
   * depend on an ordering other than `"timestamp"`.
   */
  startFold?(aggregateId: TAggregateId): EventFold<TEvent, TProjection>;
}
