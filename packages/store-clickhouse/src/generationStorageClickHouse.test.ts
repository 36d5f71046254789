import { generationStorageContract } from "@es/testkit";
import { newTestDatabase } from "../test/testDatabase.js";
import { GenerationStorageClickHouse } from "./generationStorageClickHouse.js";
import { projectionsTable } from "./projectionsTable.js";

generationStorageContract({
  name: "GenerationStorageClickHouse over the generic table",
  async setUp() {
    const { client, database, optimize, drop } = await newTestDatabase([]);
    return {
      storage: new GenerationStorageClickHouse<unknown>(client, {
        database,
        tableOf: (generation) => projectionsTable({ name: "orders", generation }),
      }),
      settle: () => optimize("projections"),
      tearDown: drop,
    };
  },
  makeProjection: (number, aggregateId) => ({ number, aggregateId }),
});
