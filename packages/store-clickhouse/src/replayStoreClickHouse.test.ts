import { replayStoreContract } from "@es/testkit";
import { newTestDatabase } from "../test/testDatabase.js";
import { replayClickHouseMigrations } from "./replayClickHouseMigrations.js";
import { ReplayStoreClickHouse } from "./replayStoreClickHouse.js";

const setUp = async () => {
  const db = await newTestDatabase([replayClickHouseMigrations]);
  const { client, database } = db;
  return {
    store: new ReplayStoreClickHouse(client, { database, projection: "one" }),
    other: new ReplayStoreClickHouse(client, { database, projection: "other" }),
    db,
    tearDown: () => db.drop(),
  };
};

replayStoreContract({ name: "ReplayStoreClickHouse", setUp });
replayStoreContract({
  name: "ReplayStoreClickHouse, merged before every read,",
  setUp,
  settle: ({ db }) => db.optimize("replays"),
});
