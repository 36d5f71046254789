import type { AggregateRef } from "../events/aggregateRef.js";
import type { Event } from "../events/event.js";
import type { ProjectionMetadata } from "../projections/projectionMetadata.js";
import type { ProjectionRecord } from "../projections/projectionRecord.js";
import type { EventStream } from "../streams/eventStream.js";

type MaybePromise<T> = T | Promise<T>;

/**
 * Called around a rebuild, in this order. They may emit telemetry, invalidate caches, or change projection metadata;
 * they cannot change the projection.
 *
 * | a throw in | means |
 * |---|---|
 * | `beforeHandle` | the rebuild fails with `HOOK_FAILED`; nothing was folded or written |
 * | `afterHandle` | the rebuild fails with `HOOK_FAILED`; nothing was written |
 * | `beforePersist` | the rebuild fails with `HOOK_FAILED`; nothing was written |
 * | `afterPersist` | the rebuild succeeds, for the projection is stored; the error goes to `onHookError` and the span |
 *
 * `HOOK_FAILED` has the class of what was thrown: a hook whose store is away fails the rebuild as an engine that is away
 * does. Batch rebuilds call the hooks of one batch side by side, so that the round trips they make can be shared.
 */
export interface EventSourcingHooks<
  TAggregateId extends string = string,
  TEvent extends Event = Event,
  TProjection = unknown,
> {
  beforeHandle?(
    stream: EventStream<TAggregateId, TEvent>,
    ref: AggregateRef<TAggregateId>,
  ): MaybePromise<void>;
  afterHandle?(
    stream: EventStream<TAggregateId, TEvent>,
    projection: TProjection,
    ref: AggregateRef<TAggregateId>,
  ): MaybePromise<void>;
  /** What it returns is merged over the record's metadata. */
  beforePersist?(
    record: ProjectionRecord<TAggregateId, TProjection>,
    ref: AggregateRef<TAggregateId>,
  ): MaybePromise<Partial<ProjectionMetadata> | undefined>;
  afterPersist?(
    record: ProjectionRecord<TAggregateId, TProjection>,
    ref: AggregateRef<TAggregateId>,
  ): MaybePromise<void>;
  /** Gets what `afterPersist` throws. @default a warning of the process, each once a minute */
  onHookError?(error: unknown, ref: AggregateRef<TAggregateId>): void;
}
