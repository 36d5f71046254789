import { replayStoreContract } from "@es/testkit";
import { ReplayStoreMemory } from "./replayStoreMemory.js";

replayStoreContract({
  name: "ReplayStoreMemory",
  setUp: () => ({ store: new ReplayStoreMemory(), other: new ReplayStoreMemory() }),
  numRuns: 200,
});
