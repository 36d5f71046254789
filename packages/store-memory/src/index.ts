export { EventStoreMemory } from "./eventStoreMemory.js";
export { LagSourceMemory } from "./lagSourceMemory.js";
export { ProjectionStoreMemory } from "./projectionStoreMemory.js";
export { ReplayStoreMemory } from "./replayStoreMemory.js";
