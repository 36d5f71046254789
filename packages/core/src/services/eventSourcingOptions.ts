import type { Event } from "../events/event.js";
import type { EventOrdering } from "../streams/eventOrdering.js";
import type { EventSourcingHooks } from "./eventSourcingHooks.js";

export interface EventSourcingOptions<
  TAggregateId extends string = string,
  TEvent extends Event = Event,
  TProjection = unknown,
> {
  /** How the handler sees the events. @default "timestamp" */
  readonly ordering?: EventOrdering<TEvent>;
  readonly hooks?: EventSourcingHooks<TAggregateId, TEvent, TProjection>;
}
