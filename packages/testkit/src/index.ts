export {
  type ProjectionQueueContract,
  type ProjectionQueueContractOptions,
  type ProjectionQueueHarness,
  projectionQueueContract,
} from "./queues/projectionQueueContract.js";
export { type RecordedRun, RunGate, RunRecorder } from "./queues/runRecorder.js";
