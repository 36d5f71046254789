export { ProjectionQueueMemory, type ProjectionQueueMemoryOptions } from "./projectionQueueMemory.js";
export type { WorkOptions } from "./projectionWorkerMemory.js";
