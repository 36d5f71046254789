export { LeasesMemory } from "./leasesMemory.js";
export { ProjectionQueueMemory, type ProjectionQueueMemoryOptions } from "./projectionQueueMemory.js";
export type { WorkOptions } from "./projectionWorkerMemory.js";
