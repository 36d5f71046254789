import type { GenerationChange } from "@es/processing";
import { projectionGenerationsContract } from "@es/testkit";
import { EventStoreMemory } from "./index.js";

projectionGenerationsContract({
  name: "an event store in memory",
  setUp: () => ({ eventStore: new EventStoreMemory<GenerationChange>() }),
  numRuns: 200,
});
