import type { Event } from "../events/event.js";
import type { EventHandler } from "../handlers/eventHandler.js";
import type { EventStore } from "../stores/eventStore.js";
import type { ProjectionStore } from "../stores/projectionStore.js";
import type { EventSourcingOptions } from "./eventSourcingOptions.js";
import { EventSourcingService } from "./eventSourcingService.js";

/** Named in the compiler's message for a handler whose `handle` is asynchronous. */
export interface AsyncHandlerRefused {
  readonly "handle must return the projection itself, not a promise of it": never;
}

/** Named in the compiler's message for an event store of events that the handler does not take. */
export interface EventsDoNotFit<TStoredEvent, TEvent> {
  readonly "the event store gives other events than the handler takes": readonly [
    gives: TStoredEvent,
    takes: TEvent,
  ];
}

/** Named in the compiler's message for a projection store that does not keep what the handler returns. */
export interface ProjectionsDoNotFit<TStored, TProjection> {
  readonly "the projection store keeps other projections than the handler returns": readonly [
    keeps: TStored,
    returns: TProjection,
  ];
}

/** A store without a type is one of `never`, and fits any handler. */
type Typed<TStored, TElse> = [TStored] extends [never] ? TElse : TStored;

/** The handler says which ids; its events and projections have to fit those of the stores, which may be wider. */
export interface EventSourcingPipelineDefinition<
  TAggregateId extends string,
  TEvent extends Event,
  TProjection,
  TStoredEvent extends Event = TEvent,
  TStored = TProjection,
> {
  readonly eventStore: EventStore<NoInfer<TAggregateId>, TStoredEvent> &
    ([TStoredEvent] extends [TEvent] ? unknown : EventsDoNotFit<TStoredEvent, TEvent>);
  readonly projectionStore: ProjectionStore<NoInfer<TAggregateId>, TStored> &
    ([TProjection] extends [Typed<TStored, unknown> | PromiseLike<unknown>]
      ? unknown
      : ProjectionsDoNotFit<TStored, TProjection>);
  readonly eventHandler: EventHandler<TAggregateId, TEvent, TProjection> &
    ([TProjection] extends [never]
      ? unknown
      : [TProjection] extends [PromiseLike<unknown>]
        ? AsyncHandlerRefused
        : unknown);
  readonly serviceOptions?: EventSourcingOptions<
    NoInfer<TAggregateId>,
    NoInfer<TEvent>,
    NoInfer<Typed<TStored, TProjection>>
  >;
}

export interface EventSourcingPipeline<TAggregateId extends string, TEvent extends Event, TProjection> {
  readonly service: EventSourcingService<TAggregateId, TEvent, TProjection>;
}

/**
 * Wires stores and a handler into a service. A handler that is written in place takes the events of the event store; the
 * service gives the projections of the projection store, or those of the handler if that store has no type.
 *
 * @throws EventSourcingError `INVALID_OPTIONS` for a handler or options that are none
 */
export function createEventSourcingPipeline<
  TAggregateId extends string,
  TStoredEvent extends Event,
  TStored,
  TEvent extends Event = Typed<TStoredEvent, Event>,
  TProjection = Typed<TStored, unknown>,
>(
  definition: EventSourcingPipelineDefinition<TAggregateId, TEvent, TProjection, TStoredEvent, TStored>,
): EventSourcingPipeline<TAggregateId, TEvent, Typed<TStored, TProjection>> {
  // What the types above have checked: the store keeps what the handler returns, and gives what it takes.
  const { eventStore, projectionStore, eventHandler, serviceOptions } = definition as unknown as {
    readonly eventStore: EventStore<TAggregateId, TEvent>;
    readonly projectionStore: ProjectionStore<TAggregateId, Typed<TStored, TProjection>>;
    readonly eventHandler: EventHandler<TAggregateId, TEvent, Typed<TStored, TProjection>>;
    readonly serviceOptions?: EventSourcingOptions<TAggregateId, TEvent, Typed<TStored, TProjection>>;
  };
  return {
    service: new EventSourcingService({
      eventStore,
      projectionStore,
      eventHandler,
      ...(serviceOptions === undefined ? {} : { serviceOptions }),
    }),
  };
}
