export { EventStoreMemory, type EventStoreMemoryOptions } from "./eventStoreMemory.js";
export { LagSourceMemory } from "./lagSourceMemory.js";
export { ProjectionStoreMemory, type ProjectionStoreMemoryOptions } from "./projectionStoreMemory.js";
export { ReplayStoreMemory } from "./replayStoreMemory.js";
