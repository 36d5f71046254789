import { LeasesMemory } from "@es/queue-memory";
import { type ContractEvent, type ContractProjection, replayRunnerContract } from "@es/testkit";
import { newTestDatabase } from "../test/testDatabase.js";
import {
  AggregateSourceClickHouse,
  EventStoreClickHouse,
  ProjectionStoreClickHouse,
  ReplayStoreClickHouse,
  replayClickHouseMigrations,
  storeClickHouseMigrations,
} from "./index.js";

replayRunnerContract({
  name: "stores in ClickHouse",
  async setUp() {
    const { client, database, drop } = await newTestDatabase([
      storeClickHouseMigrations,
      replayClickHouseMigrations,
    ]);
    return {
      eventStore: new EventStoreClickHouse<ContractEvent>(client, { database }),
      projectionStore: new ProjectionStoreClickHouse<ContractProjection>(client, { database }),
      source: new AggregateSourceClickHouse(client, { database }),
      replayStore: new ReplayStoreClickHouse(client, { database }),
      leases: new LeasesMemory(),
      async plantUndecodable({ tenantId, aggregateId }) {
        await client.insert({
          table: `${database}.events`,
          values: [
            { TenantId: tenantId, AggregateId: aggregateId, EventId: "planted", Type: "t", Data: "{oops" },
          ],
          format: "JSONEachRow",
        });
      },
      tearDown: drop,
    };
  },
});
