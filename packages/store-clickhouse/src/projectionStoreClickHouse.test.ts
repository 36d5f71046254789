import { projectionStoreContract } from "@es/testkit";
import { newTestDatabase } from "../test/testDatabase.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";

projectionStoreContract({
  name: "ProjectionStoreClickHouse",
  // Each run asks the engine often; the store in memory has the default.
  numRuns: 10,
  setUp: async () => {
    const db = await newTestDatabase();
    const store = new ProjectionStoreClickHouse<unknown>(db.client, { database: db.database });
    return { store, db, tearDown: () => db.drop() };
  },
  settle: ({ db }) => db.optimize("projections"),
  plantUndecodable: async ({ db }, { tenantId, aggregateId }) => {
    await db.client.insert({
      table: `${db.database}.projections`,
      values: [
        {
          TenantId: tenantId,
          Projection: "default",
          AggregateId: aggregateId,
          Version: 1,
          Data: "{oops",
          Metadata: "{}",
        },
      ],
      format: "JSONEachRow",
    });
  },
});
