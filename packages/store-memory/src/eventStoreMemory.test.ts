import { type Event, parseTenantId } from "@es/core";
import { type ContractEvent, changedEventsContract, contractEvent, eventStoreContract } from "@es/testkit";
import { describe, expect, it } from "vitest";
import { EventStoreMemory } from "./eventStoreMemory.js";

eventStoreContract({
  name: "EventStoreMemory",
  setUp: () => ({ store: new EventStoreMemory<ContractEvent>() }),
  numRuns: 300,
});

changedEventsContract({
  name: "EventStoreMemory",
  setUp: () => ({ store: new EventStoreMemory<ContractEvent>() }),
  numRuns: 300,
});

describe("EventStoreMemory", () => {
  it("refuses what it cannot copy, before anything is stored", async () => {
    const store = new EventStoreMemory<Event>();
    const context = { tenantId: parseTenantId("t") };
    await expect(
      store.storeEvents([contractEvent(), contractEvent({ id: "bad", data: () => 1 })], context),
    ).rejects.toMatchObject({ code: "INVALID_EVENT" });
    expect(await store.getEvents("aggregate-1", context)).toEqual([]);
  });
});
