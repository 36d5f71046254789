import { projectionStoreContract } from "@es/testkit";
import { ProjectionStoreMemory } from "./projectionStoreMemory.js";

projectionStoreContract({
  name: "ProjectionStoreMemory",
  setUp: () => ({ store: new ProjectionStoreMemory<unknown>() }),
  numRuns: 300,
});
