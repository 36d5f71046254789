import { eventSourcingServiceContract, keptFoldsContract } from "@es/testkit";
import { EventStoreMemory, ProjectionStoreMemory } from "./index.js";

eventSourcingServiceContract({
  name: "stores in memory",
  setUp: () => ({ eventStore: new EventStoreMemory(), projectionStore: new ProjectionStoreMemory() }),
  numRuns: 100,
});

keptFoldsContract({
  name: "stores in memory",
  setUp: () => ({ eventStore: new EventStoreMemory(), projectionStore: new ProjectionStoreMemory() }),
  numRuns: 200,
});
