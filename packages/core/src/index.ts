export { FairGate, type FairGateOptions, type FairGateRun } from "./concurrency/fairGate.js";
export { throwIfAborted } from "./concurrency/throwIfAborted.js";
export {
  classifyError,
  type ErrorClass,
  type ErrorFields,
  EventSourcingError,
  type EventSourcingErrorCode,
  type EventSourcingErrorOptions,
  isEventSourcingError,
} from "./errors/eventSourcingError.js";
export { warningListener } from "./errors/warningListener.js";
export { type AcceptedClock, createAcceptedClock } from "./events/acceptedClock.js";
export { assertAggregateId, isAggregateId, MAX_AGGREGATE_ID_LENGTH } from "./events/aggregateId.js";
export { type AggregateRef, aggregateRefKey } from "./events/aggregateRef.js";
export { assertEvent, MAX_EVENT_ID_LENGTH } from "./events/assertEvent.js";
export { compareIds } from "./events/compareIds.js";
export type { Event, EventMetadata } from "./events/event.js";
export {
  type CompareGenerationsOptions,
  compareGenerations,
  type FieldExample,
  type FieldReport,
  type GenerationComparison,
  type ReadableGeneration,
} from "./generations/compareGenerations.js";
export { type FieldDifference, fieldDifferences } from "./generations/fieldDifferences.js";
export {
  foldGenerations,
  type GenerationChange,
  type GenerationChangeData,
  type GenerationChangeType,
} from "./generations/generationChange.js";
export {
  findGenerationGap,
  type GenerationGap,
  type GenerationGapOptions,
} from "./generations/generationGap.js";
export {
  type CompareOptions,
  type DropOptions,
  GenerationOperations,
  type GenerationOperationsOptions,
  type GenerationSample,
  type GenerationStorage,
  type SwitchOptions,
} from "./generations/generationOperations.js";
export {
  type GenerationReconcilersOptions,
  startGenerationReconcilers,
} from "./generations/generationReconcilers.js";
export {
  assertGenerationNumber,
  type GenerationSet,
  type GenerationState,
  liveGenerations,
  type ProjectionGeneration,
} from "./generations/projectionGeneration.js";
export {
  ProjectionGenerations,
  type ProjectionGenerationsOptions,
} from "./generations/projectionGenerations.js";
export { type RebuildDirectlyOptions, rebuildDirectly } from "./generations/rebuildDirectly.js";
export {
  type RunnableGeneration,
  SideBySideProjector,
  type SideBySideProjectorOptions,
} from "./generations/sideBySideProjector.js";
export {
  type GenerationsView,
  type WatchGenerationsOptions,
  watchGenerations,
} from "./generations/watchGenerations.js";
export { finiteNumber } from "./options/finiteNumber.js";
export { milliseconds } from "./options/milliseconds.js";
export { wholeNumber } from "./options/wholeNumber.js";
export { type DeadLetterReason, describeFailure } from "./processing/deadLetterReason.js";
export {
  assertSelectable,
  type DeadLetter,
  type DeadLetterSelection,
  type DeadLetters,
  type RedriveOptions,
  type RedriveProgress,
} from "./processing/deadLetters.js";
export {
  type EngineAvailability,
  EngineProbe,
  type EngineProbeOptions,
} from "./processing/engineAvailability.js";
export type { EventFold, FoldStep } from "./processing/eventFold.js";
export type { EventHandler } from "./processing/eventHandler.js";
export type { LaggingAggregate, LagSource, ListLaggingOptions } from "./processing/lagSource.js";
export type { Lease, Leases } from "./processing/leases.js";
export { Pace } from "./processing/pace.js";
export type { ReconciledQueue } from "./processing/parkedRuns.js";
export { createProjectionConsumer } from "./processing/projectionConsumer.js";
export {
  defaultConcurrency,
  type ProjectionQueue,
  type ProjectionRun,
  type ProjectionRunContext,
  type ProjectionWorker,
  projectionQueueDefaults,
  type QueueCounts,
  type ScheduleOptions,
} from "./processing/projectionQueue.js";
export { type ReconcileOptions, type ReconcileResult, reconcile } from "./processing/reconcile.js";
export {
  type Look,
  type LookOptions,
  Reconciler,
  type ReconcilerOptions,
  startReconciler,
} from "./processing/reconciler.js";
export { redriveInSteps } from "./processing/redrive.js";
export { assertSchedulable, SchedulingTelemetry } from "./processing/scheduling.js";
export { inTurns } from "./processing/turns.js";
export { type WaitForEngineOptions, waitForEngine } from "./processing/waitForEngine.js";
export { type Leased, type WithLeaseOptions, withLease } from "./processing/withLease.js";
export { buildProjectionMetadata, type ProjectionMetadata } from "./projections/projectionMetadata.js";
export type { ProjectionRecord } from "./projections/projectionRecord.js";
export { type ProjectionTexts, projectionTexts, readProjectionTexts } from "./projections/projectionTexts.js";
export {
  makeProjectionVersion,
  type ProjectionVersion,
  type ProjectionVersionParts,
  parseProjectionVersion,
  readProjectionVersion,
} from "./projections/projectionVersion.js";
export {
  isReplayOpen,
  MAX_REPLAY_FAILURES,
  type Replay,
  type ReplayControl,
  type ReplayDefinition,
  type ReplayFailure,
  type ReplayPace,
  type ReplayProgress,
  type ReplayState,
  type ReplayStop,
  replayPace,
  replayState,
} from "./replay/replay.js";
export { type ReplayRunner, type ReplayRunnerOptions, startReplayRunner } from "./replay/replayRunner.js";
export type { ReplayStore } from "./replay/replayStore.js";
export {
  DEFAULT_REPLAY_RATE,
  MAX_REPLAY_IDS,
  type ReplayChange,
  type ReplayRequest,
  Replays,
  type ReplaysOptions,
} from "./replay/replays.js";
export { canonicalJson } from "./serialization/canonicalJson.js";
export { freezeJson } from "./serialization/freezeJson.js";
export { jsonText } from "./serialization/jsonText.js";
export {
  type AsyncHandlerRefused,
  createEventSourcingPipeline,
  type EventSourcingPipeline,
  type EventSourcingPipelineDefinition,
  type EventsDoNotFit,
  type ProjectionsDoNotFit,
} from "./services/createEventSourcingPipeline.js";
export type { EventSourcingHooks } from "./services/eventSourcingHooks.js";
export type { EventSourcingOptions } from "./services/eventSourcingOptions.js";
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
} from "./services/eventSourcingService.js";
export { defaultKeptFolds, type KeptFoldsOptions } from "./services/keptFolds.js";
export type { AggregateSelection, AggregateSource } from "./stores/aggregateSource.js";
export type { EventCodec, ProjectionCodec } from "./stores/codec.js";
export { decodeCursor, encodeCursor, invalidCursor, pageLimit } from "./stores/cursor.js";
export type { AggregateWatermark, EventStore, KnownEvents, ListChangedOptions } from "./stores/eventStore.js";
export type { Page, PageOptions } from "./stores/page.js";
export type { ProjectionRead, ProjectionStore } from "./stores/projectionStore.js";
export { decodeRefCursor, encodeRefCursor } from "./stores/refCursor.js";
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
export { telemetryNames } from "./telemetry/names.js";
export { secondsBuckets } from "./telemetry/secondsBuckets.js";
export { withSpan } from "./telemetry/withSpan.js";
export { isTenantId, MAX_TENANT_ID_LENGTH, parseTenantId, type TenantId } from "./tenancy/tenantId.js";
