import { randomUUID } from "node:crypto";
import { createClient } from "@clickhouse/client";
import { createEventSourcingPipeline, parseTenantId } from "@es/core";
import { scheduleLagging } from "@es/processing";
import { type ContractEvent, contractEvent } from "@es/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { EventStoreClickHouse } from "./eventStoreClickHouse.js";
import { qualifiedName, quoteIdentifier } from "./identifier.js";
import { LagSourceClickHouse } from "./lagSourceClickHouse.js";
import { migrate } from "./migrate.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";
import { projectionsTable } from "./projectionsTable.js";
import { storeClickHouseMigrations } from "./storeClickHouseMigrations.js";

describe("names of databases and tables", () => {
  const client = createClient({ url: process.env.CLICKHOUSE_URL ?? "" });
  afterAll(() => client.close());

  it.each(["my-db-1", "2024", "a.b", "größe_東京"])(
    "may be like %j, in everything that is done there",
    async (name) => {
      const database = `${name}-${randomUUID().slice(0, 8)}`;
      await migrate(client, { database, migrations: [storeClickHouseMigrations] });
      try {
        const tenantId = parseTenantId("acme");
        const eventStore = new EventStoreClickHouse<ContractEvent>(client, { database });
        const projectionStore = new ProjectionStoreClickHouse<number>(client, { database });
        const { service } = createEventSourcingPipeline({
          eventStore,
          projectionStore,
          eventHandler: { handle: (stream) => stream.metadata.count },
        });
        await eventStore.storeEvents([contractEvent()], { tenantId });
        const source = new LagSourceClickHouse(client, { database, projectionTable: projectionsTable() });
        const scheduled: string[] = [];
        await scheduleLagging(source, {
          schedule: async (refs) => void scheduled.push(...refs.map(({ aggregateId }) => aggregateId)),
        });
        expect(scheduled).toEqual(["aggregate-1"]);
        const contexts = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
        expect((await service.rebuildProjection("aggregate-1", contexts)).outcome).toBe("rebuilt");
        expect((await service.getProjection("aggregate-1", contexts)).status).toBe("found");
      } finally {
        await client.command({ query: `DROP DATABASE ${quoteIdentifier(database)}` });
      }
    },
  );

  it.each(["", "a`b", "a\\b", "a b", "a'b", "a\nb", "a\0b", "-a", ".a", "😀", "x".repeat(201)])(
    "are refused like %j",
    (name) => {
      expect(() => qualifiedName(name, "events")).toThrow(
        expect.objectContaining({ code: "INVALID_OPTIONS" }),
      );
    },
  );
});
