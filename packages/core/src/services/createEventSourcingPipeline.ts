import type { Event } from "../events/event.js";
import type { EventHandler } from "../processing/eventHandler.js";
import type { EventStore } from "../stores/eventStore.js";
import type { ProjectionStore } from "../stores/projectionStore.js";
import type { EventSourcingOptions } from "./eventSourcingOptions.js";
import { EventSourcingService } from "./eventSourcingService.js";

/** The handler says which ids, events and projections; the stores have to fit it. */
export interface EventSourcingPipelineDefinition<
  TAggregateId extends string,
  TEvent extends Event,
  TProjection,
> {
  readonly eventStore: EventStore<NoInfer<TAggregateId>, NoInfer<TEvent>>;
  readonly projectionStore: ProjectionStore<NoInfer<TAggregateId>, NoInfer<TProjection>>;
  readonly eventHandler: EventHandler<TAggregateId, TEvent, TProjection>;
  readonly serviceOptions?: EventSourcingOptions<
    NoInfer<TAggregateId>,
    NoInfer<TEvent>,
    NoInfer<TProjection>
  >;
}

export interface EventSourcingPipeline<TAggregateId extends string, TEvent extends Event, TProjection> {
  readonly service: EventSourcingService<TAggregateId, TEvent, TProjection>;
}

/** Wires stores and a handler into a service. */
export function createEventSourcingPipeline<TAggregateId extends string, TEvent extends Event, TProjection>(
  definition: EventSourcingPipelineDefinition<TAggregateId, TEvent, TProjection>,
): EventSourcingPipeline<TAggregateId, TEvent, TProjection> {
  return { service: new EventSourcingService(definition) };
}
