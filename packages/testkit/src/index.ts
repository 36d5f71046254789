export { checkOrderFree, type OrderFreeCheck } from "./checkOrderFree.js";
export { type Arrival, arrivalArbitrary } from "./events/arrivalArbitrary.js";
export { type ContractEvent, contractEvent, TEST_EPOCH } from "./events/contractEvent.js";
export {
  type EventArbitraryOptions,
  eventArbitrary,
  eventsArbitrary,
  idArbitrary,
  jsonArbitrary,
} from "./events/eventArbitrary.js";
export {
  type GenerationStorageContract,
  type GenerationStorageHarness,
  generationStorageContract,
} from "./generations/generationStorageContract.js";
export {
  type ProjectionGenerationsContract,
  type ProjectionGenerationsHarness,
  projectionGenerationsContract,
} from "./generations/projectionGenerationsContract.js";
export {
  type SideBySideContract,
  type SideBySideHarness,
  type SideBySideProjection,
  sideBySideContract,
} from "./generations/sideBySideContract.js";
export { hostileIds, hostileTenantIds, refusedIds } from "./hostileIds.js";
export { type LeasesContract, type LeasesHarness, leasesContract } from "./leases/leasesContract.js";
export {
  type ProjectionQueueContract,
  type ProjectionQueueContractOptions,
  type ProjectionQueueHarness,
  projectionQueueContract,
} from "./queues/projectionQueueContract.js";
export { type RecordedRun, RunGate, RunRecorder } from "./queues/runRecorder.js";
export {
  type ReplayRunnerContract,
  type ReplayRunnerHarness,
  replayRunnerContract,
} from "./replays/replayRunnerContract.js";
export {
  type ReplayStoreContract,
  type ReplayStoreHarness,
  replayStoreContract,
} from "./replays/replayStoreContract.js";
export {
  type ContractProjection,
  type EventSourcingServiceContract,
  type EventSourcingServiceHarness,
  eventSourcingServiceContract,
} from "./services/eventSourcingServiceContract.js";
export {
  type KeptFoldsContract,
  type KeptFoldsHarness,
  type KeptFoldsProjection,
  keptFoldsContract,
} from "./services/keptFoldsContract.js";
export {
  type AggregateSourceContract,
  type AggregateSourceHarness,
  aggregateSourceContract,
} from "./stores/aggregateSourceContract.js";
export {
  type ChangedEventsContract,
  type ChangedEventsHarness,
  type ChangeReadingStore,
  changedEventsContract,
} from "./stores/changedEventsContract.js";
export {
  type EventStoreContract,
  type EventStoreHarness,
  eventStoreContract,
} from "./stores/eventStoreContract.js";
export {
  type LagSourceContract,
  type LagSourceHarness,
  lagSourceContract,
} from "./stores/lagSourceContract.js";
export {
  type ProjectionStoreContract,
  type ProjectionStoreHarness,
  projectionStoreContract,
} from "./stores/projectionStoreContract.js";
export { keptValues, refusedContexts, refusedValues, vandalize } from "./stores/storedValues.js";
