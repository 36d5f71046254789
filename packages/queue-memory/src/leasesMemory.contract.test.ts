import { leasesContract } from "@es/testkit";
import { LeasesMemory } from "./leasesMemory.js";

leasesContract({
  name: "LeasesMemory",
  setUp: async () => {
    const leases = new LeasesMemory();
    return { connect: () => leases, tearDown: () => leases.close() };
  },
});
