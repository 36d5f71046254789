import {
  compareByTimestamp,
  createEventSourcingPipeline,
  type Event,
  type EventHandler,
  parseTenantId,
} from "@es/core";
import { contractEvent } from "@es/testkit";
import { expect, it } from "vitest";
import { EventStoreMemory } from "./eventStoreMemory.js";
import { ProjectionStoreMemory } from "./projectionStoreMemory.js";

type CounterEvent = Event<"added", number>;
const tenantId = parseTenantId("acme");
const eventHandler: EventHandler<string, CounterEvent, { readonly total: number }> = {
  handle: (stream) => ({ total: stream.events.reduce((total, { data }) => total + data, 0) }),
};

it("fits a pipeline without type arguments, and serves it", async () => {
  const eventStore = new EventStoreMemory();
  const { service } = createEventSourcingPipeline({
    eventStore,
    projectionStore: new ProjectionStoreMemory(),
    eventHandler,
    serviceOptions: { ordering: compareByTimestamp },
  });
  const typed: EventStoreMemory<CounterEvent> = eventStore;
  await typed.storeEvents(
    [1, 2, 3].map((data) => contractEvent({ id: String(data), type: "added", data }) as CounterEvent),
    { tenantId },
  );
  const result = await service.rebuildProjection("aggregate-1", {
    eventStoreContext: { tenantId },
    projectionStoreContext: { tenantId },
  });
  expect(result).toMatchObject({ outcome: "rebuilt", record: { projection: { total: 6 } } });
  expect(await service.getProjection("aggregate-1", { projectionStoreContext: { tenantId } })).toMatchObject({
    status: "found",
    record: { projection: { total: 6 }, metadata: { eventCount: 3 } },
  });
});
