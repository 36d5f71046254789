import type { Event } from "../events/event.js";
import type { EventOrdering } from "../streams/eventOrdering.js";
import type { EventSourcingHooks } from "./eventSourcingHooks.js";
import type { KeptFoldsOptions } from "./keptFolds.js";

export interface EventSourcingOptions<
  TAggregateId extends string = string,
  TEvent extends Event = Event,
  TProjection = unknown,
> {
  /** How the handler sees the events. @default "timestamp" */
  readonly ordering?: EventOrdering<TEvent>;
  readonly hooks?: EventSourcingHooks<TAggregateId, TEvent, TProjection>;
  /**
   * Which folds are kept, so that large aggregates are folded from what changed; `false` for none. It takes a handler
   * with `startFold`, a store with `getChangedEvents`, the ordering `"timestamp"`, and hooks that do not ask for the
   * stream of all events: neither `beforeHandle` nor `afterHandle`.
   */
  readonly keptFolds?: KeptFoldsOptions | false;
}
