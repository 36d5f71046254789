export { type DeadLetterReason, describeFailure } from "./deadLetters/deadLetterReason.js";
export {
  assertSelectable,
  type DeadLetter,
  type DeadLetterSelection,
  type DeadLetters,
  type RedriveOptions,
  type RedriveProgress,
} from "./deadLetters/deadLetters.js";
export { redriveInSteps } from "./deadLetters/redrive.js";
export {
  type EngineAvailability,
  EngineProbe,
  type EngineProbeOptions,
} from "./engine/engineAvailability.js";
export { type WaitForEngineOptions, waitForEngine } from "./engine/waitForEngine.js";
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
export type { Lease, Leases } from "./leases/leases.js";
export { type Leased, type WithLeaseOptions, withLease } from "./leases/withLease.js";
export { Pace } from "./pace/pace.js";
export type { ReconciledQueue } from "./queue/parkedRuns.js";
export { createProjectionConsumer } from "./queue/projectionConsumer.js";
export {
  defaultConcurrency,
  type ProjectionQueue,
  type ProjectionRun,
  type ProjectionRunContext,
  type ProjectionWorker,
  projectionQueueDefaults,
  type QueueCounts,
  type ScheduleOptions,
} from "./queue/projectionQueue.js";
export { assertSchedulable, SchedulingTelemetry } from "./queue/scheduling.js";
export type { LaggingAggregate, LagSource, ListLaggingOptions } from "./reconcile/lagSource.js";
export {
  type Look,
  type LookOptions,
  Reconciler,
  type ReconcilerOptions,
  startReconciler,
} from "./reconcile/reconciler.js";
export {
  type ScheduleLaggingOptions,
  type ScheduleLaggingResult,
  scheduleLagging,
} from "./reconcile/scheduleLagging.js";
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
