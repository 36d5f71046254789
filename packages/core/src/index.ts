export {
  classifyError,
  type ErrorClass,
  type ErrorFields,
  EventSourcingError,
  type EventSourcingErrorCode,
  type EventSourcingErrorOptions,
  isEventSourcingError,
} from "./errors/eventSourcingError.js";
export { assertAggregateId, isAggregateId, MAX_AGGREGATE_ID_LENGTH } from "./events/aggregateId.js";
export { type AggregateRef, aggregateRefKey } from "./events/aggregateRef.js";
export type { Event, EventMetadata } from "./events/event.js";
export type { EventFold, FoldStep } from "./handlers/eventFold.js";
export type { EventHandler } from "./handlers/eventHandler.js";
export { buildProjectionMetadata, type ProjectionMetadata } from "./projections/projectionMetadata.js";
export type { ProjectionRecord } from "./projections/projectionRecord.js";
export {
  makeProjectionVersion,
  type ProjectionVersion,
  type ProjectionVersionParts,
  parseProjectionVersion,
  readProjectionVersion,
} from "./projections/projectionVersion.js";
export {
  type AsyncHandlerRefused,
  createEventSourcingPipeline,
  type EventSourcingPipeline,
  type EventSourcingPipelineDefinition,
  type EventsDoNotFit,
  type ProjectionsDoNotFit,
} from "./service/createEventSourcingPipeline.js";
export type { EventSourcingHooks } from "./service/eventSourcingHooks.js";
export type { EventSourcingOptions } from "./service/eventSourcingOptions.js";
export {
  EventSourcingService,
  type EventSourcingServiceDefinition,
  type GetProjectionOptions,
  type RebuildAllOptions,
  type RebuildFailure,
  type RebuildManyOptions,
  type RebuildOptions,
  type RebuildProgress,
  type RebuildResult,
  type RebuildSummary,
} from "./service/eventSourcingService.js";
export { defaultKeptFolds, type KeptFoldsOptions } from "./service/keptFolds.js";
export type { AggregateSelection, AggregateSource } from "./stores/aggregateSource.js";
export type { EventCodec, ProjectionCodec } from "./stores/codec.js";
export type { AggregateWatermark, EventStore, KnownEvents, ListChangedOptions } from "./stores/eventStore.js";
export type { Page, PageOptions } from "./stores/page.js";
export type { ProjectionRead, ProjectionStore } from "./stores/projectionStore.js";
export {
  type EventStoreContext,
  type ProjectionStoreContext,
  type StoreContext,
  tenantOf,
  tenantOfBoth,
} from "./stores/storeContext.js";
export {
  compareByTimestamp,
  type EventComparator,
  type EventOrdering,
} from "./streams/eventOrdering.js";
export {
  createEventStream,
  type EventStream,
  type EventStreamMetadata,
  type EventStreamOptions,
} from "./streams/eventStream.js";
export { isTenantId, MAX_TENANT_ID_LENGTH, parseTenantId, type TenantId } from "./tenancy/tenantId.js";
