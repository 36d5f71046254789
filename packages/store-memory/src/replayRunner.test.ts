import { LeasesMemory } from "@es/queue-memory";
import { type ContractEvent, type ContractProjection, replayRunnerContract } from "@es/testkit";
import { EventStoreMemory, ProjectionStoreMemory, ReplayStoreMemory } from "./index.js";

replayRunnerContract({
  name: "stores in memory",
  setUp() {
    const eventStore = new EventStoreMemory<ContractEvent>();
    return {
      eventStore,
      projectionStore: new ProjectionStoreMemory<ContractProjection>(),
      source: eventStore,
      replayStore: new ReplayStoreMemory(),
      leases: new LeasesMemory(),
    };
  },
});
