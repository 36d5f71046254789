import { projectionGenerationsContract } from "@es/testkit";
import { newTestDatabase } from "../test/testDatabase.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";
import { generationChangesTable, generationClickHouseMigrations } from "./generationChangesTable.js";

projectionGenerationsContract({
  name: "an event store in ClickHouse",
  setUp: async () => {
    const db = await newTestDatabase([generationClickHouseMigrations]);
    return {
      eventStore: new EventStoreClickHouse(db.client, {
        database: db.database,
        table: generationChangesTable(),
      }),
      settle: () => db.optimize("projection_generations"),
      tearDown: () => db.drop(),
    };
  },
});
