import { aggregateSourceContract, type ContractEvent } from "@es/testkit";
import { newTestDatabase } from "../test/testDatabase.js";
import { AggregateSourceClickHouse } from "./aggregateSourceClickHouse.js";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";

aggregateSourceContract({
  name: "AggregateSourceClickHouse",
  setUp: async () => {
    const db = await newTestDatabase();
    const { client, database } = db;
    return {
      store: new EventStoreClickHouse<ContractEvent>(client, { database }),
      source: new AggregateSourceClickHouse(client, { database }),
      db,
      tearDown: () => db.drop(),
    };
  },
  settle: ({ db }) => db.optimize("events"),
});
