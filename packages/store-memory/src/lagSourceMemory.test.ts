import { type ContractEvent, lagSourceContract } from "@es/testkit";
import { EventStoreMemory, LagSourceMemory, ProjectionStoreMemory } from "./index.js";

lagSourceContract({
  name: "LagSourceMemory",
  setUp: () => {
    const eventStore = new EventStoreMemory<ContractEvent>();
    const projectionStore = new ProjectionStoreMemory<unknown>();
    return { eventStore, projectionStore, source: new LagSourceMemory({ eventStore, projectionStore }) };
  },
});
