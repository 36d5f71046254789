import {
  type ContractEvent,
  type ContractProjection,
  eventSourcingServiceContract,
  type KeptFoldsProjection,
  keptFoldsContract,
} from "@es/testkit";
import { newTestDatabase } from "../test/testDatabase.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";

eventSourcingServiceContract({
  name: "stores in ClickHouse",
  // Each run asks the engine often; the store in memory has the default.
  numRuns: 10,
  async setUp() {
    const { client, database, drop } = await newTestDatabase();
    return {
      eventStore: new EventStoreClickHouse<ContractEvent>(client, { database }),
      projectionStore: new ProjectionStoreClickHouse<ContractProjection>(client, { database }),
      async plantUndecodable({ tenantId, aggregateId }, version) {
        await client.insert({
          table: `${database}.projections`,
          values: [
            {
              TenantId: tenantId,
              Projection: "default",
              AggregateId: aggregateId,
              Version: String(version),
              Data: "{oops",
              Metadata: "{}",
            },
          ],
          format: "JSONEachRow",
        });
      },
      tearDown: drop,
    };
  },
});

keptFoldsContract({
  name: "stores in ClickHouse",
  // Each run asks the engine often; the store in memory has the default.
  numRuns: 10,
  async setUp() {
    const { client, database, drop } = await newTestDatabase();
    return {
      eventStore: new EventStoreClickHouse<ContractEvent>(client, { database }),
      projectionStore: new ProjectionStoreClickHouse<KeptFoldsProjection>(client, { database }),
      tearDown: drop,
    };
  },
});
