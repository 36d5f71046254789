import { type ContractEvent, eventStoreContract } from "@es/testkit";
import { newTestDatabase } from "../test/testDatabase.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";

eventStoreContract({
  name: "EventStoreClickHouse",
  setUp: async () => {
    const db = await newTestDatabase();
    const store = new EventStoreClickHouse<ContractEvent>(db.client, { database: db.database });
    return { store, db, tearDown: () => db.drop() };
  },
  settle: ({ db }) => db.optimize("events"),
  plantUndecodable: async ({ db }, { tenantId, aggregateId }) => {
    await db.client.insert({
      table: `${db.database}.events`,
      values: [
        { TenantId: tenantId, AggregateId: aggregateId, EventId: "planted", Type: "t", Data: "{oops" },
      ],
      format: "JSONEachRow",
    });
  },
});
