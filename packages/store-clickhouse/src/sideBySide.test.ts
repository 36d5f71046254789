import { type ContractEvent, type SideBySideProjection, sideBySideContract } from "@es/testkit";
import { newTestDatabase } from "../test/testDatabase.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";
import { projectionsTable } from "./projectionsTable.js";

sideBySideContract({
  name: "the generic table in ClickHouse",
  async setUp() {
    const { client, database, optimize, drop } = await newTestDatabase();
    const stores = [1, 2, 3].map(
      (generation) =>
        new ProjectionStoreClickHouse(client, {
          database,
          table: projectionsTable<SideBySideProjection>({ name: "orders", generation }),
        }),
    );
    return {
      eventStore: new EventStoreClickHouse<ContractEvent>(client, { database }),
      storeOf: (generation) => stores[generation - 1] as ProjectionStoreClickHouse<SideBySideProjection>,
      settle: () => optimize("projections"),
      tearDown: drop,
    };
  },
});
