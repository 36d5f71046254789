import { type SideBySideProjection, sideBySideContract } from "@es/testkit";
import { EventStoreMemory, ProjectionStoreMemory } from "./index.js";

sideBySideContract({
  name: "stores in memory",
  setUp() {
    const stores = [1, 2, 3].map(() => new ProjectionStoreMemory<SideBySideProjection>());
    return {
      eventStore: new EventStoreMemory(),
      storeOf: (generation) => stores[generation - 1] as ProjectionStoreMemory<SideBySideProjection>,
    };
  },
  numRuns: 200,
});
