export { EventStoreMemory } from "./eventStoreMemory.js";
export { ProjectionStoreMemory } from "./projectionStoreMemory.js";
export { ReplayStoreMemory } from "./replayStoreMemory.js";
