import { parseTenantId } from "@es/core";
import type { ContractEvent } from "@es/testkit";
import { expect, it } from "vitest";
import { EventStoreClickHouse, type EventTable, eventsTable } from "../src/index.js";
import { newTestDatabase } from "./testDatabase.js";

const MIB = 2 ** 20;

/** Reads all of a row, and keeps nothing of what is large in it. */
const forgetful: EventTable<ContractEvent> = {
  ...(eventsTable() as unknown as EventTable<ContractEvent>),
  binary: {
    columns: [{ name: "Data", type: "String" }],
    begin:
      () =>
      (reader, { aggregateId, eventId: id, acceptedAt }) => {
        reader.skipString();
        return () => ({ id, aggregateId, type: "t", occurredAt: 1n, acceptedAt, data: {} as never });
      },
  },
};

it("an aggregate beyond what the embedded engine holds back of an answer is too large, and no outage", async () => {
  const { client, database, drop } = await newTestDatabase();
  await client.command({
    query:
      `INSERT INTO ${database}.events (TenantId, AggregateId, EventId, AcceptedAt, Data) ` +
      "SELECT 'acme', 'long', toString(number), 1, repeat(repeat('x', 1024), 1024) FROM numbers(300)",
  });
  const context = { tenantId: parseTenantId("acme") };
  const read = (maxAggregateBytes: number) =>
    new EventStoreClickHouse<ContractEvent>(client, {
      database,
      table: forgetful,
      maxAggregateBytes,
    }).getEvents("long", context);
  expect(await read(400 * MIB)).toHaveLength(300);
  // Behind 256 MiB that were sent.
  await expect(read(280 * MIB)).rejects.toMatchObject({ code: "AGGREGATE_TOO_LARGE" });
  // Before anything was.
  await expect(read(200 * MIB)).rejects.toMatchObject({ code: "AGGREGATE_TOO_LARGE" });
  await drop();
}, 60_000);
