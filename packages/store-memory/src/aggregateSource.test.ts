import { aggregateSourceContract, type ContractEvent } from "@es/testkit";
import { EventStoreMemory } from "./eventStoreMemory.js";

aggregateSourceContract({
  name: "EventStoreMemory",
  setUp() {
    const store = new EventStoreMemory<ContractEvent>();
    return { store, source: store };
  },
  numRuns: 200,
});
