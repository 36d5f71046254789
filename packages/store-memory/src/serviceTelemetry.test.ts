import { createEventSourcingPipeline, type Event, type EventHandler, parseTenantId } from "@es/core";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { EventStoreMemory, ProjectionStoreMemory } from "./index.js";

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
afterAll(() => provider.shutdown());
beforeEach(() => exporter.reset());

const tenantId = parseTenantId("acme");
const contexts = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
const event = (id: string): Event => ({
  id,
  aggregateId: "trace-1",
  type: "span",
  occurredAt: 1n,
  acceptedAt: 1n,
  data: null,
});

async function serviceWith(eventHandler: EventHandler<string, Event, number>) {
  const eventStore = new EventStoreMemory<Event>();
  await eventStore.storeEvents([event("a"), event("b")], { tenantId });
  const projectionStore = new ProjectionStoreMemory<number>();
  return createEventSourcingPipeline({ eventStore, projectionStore, eventHandler }).service;
}

const counting: EventHandler<string, Event, number> = { handle: ({ metadata }) => metadata.count };

/** The only finished span of that name. */
function spanNamed(name: string) {
  const spans = exporter.getFinishedSpans().filter((span) => span.name === name);
  expect(spans).toHaveLength(1);
  return spans[0];
}

describe("EventSourcingService telemetry", () => {
  it.each(["rebuildProjection", "forceRebuildProjection"] as const)(
    "traces %s with tenant, aggregate, event count and outcome",
    async (method) => {
      const service = await serviceWith(counting);
      await service[method]("trace-1", contexts);
      expect(spanNamed(`EventSourcingService.${method}`)?.attributes).toMatchObject({
        "tenant.id": "acme",
        "aggregate.id": "trace-1",
        "event.count": 2,
        outcome: "rebuilt",
      });
    },
  );

  it("traces getProjection, with an event when there is none", async () => {
    const service = await serviceWith(counting);
    await service.getProjection("trace-1", contexts);
    const span = spanNamed("EventSourcingService.getProjection");
    expect(span?.attributes).toMatchObject({ "aggregate.id": "trace-1", outcome: "absent" });
    expect(span?.events).toEqual([
      expect.objectContaining({
        name: "projection.not_found",
        attributes: { "tenant.id": "acme", "aggregate.id": "trace-1" },
      }),
    ]);
    exporter.reset();
    await service.rebuildProjection("trace-1", contexts);
    await service.getProjection("trace-1", contexts);
    expect(spanNamed("EventSourcingService.getProjection")?.attributes).toMatchObject({
      "event.count": 2,
      outcome: "found",
    });
  });

  it("marks a failed rebuild with its code", async () => {
    const service = await serviceWith({
      handle() {
        throw new Error("no model");
      },
    });
    await expect(service.rebuildProjection("trace-1", contexts)).rejects.toThrow("no model");
    const span = spanNamed("EventSourcingService.rebuildProjection");
    expect(span?.status).toMatchObject({ code: 2, message: expect.stringContaining("no model") });
    expect(span?.attributes).toMatchObject({ "error.code": "HANDLER_FAILED" });
    expect(span?.events.map(({ name }) => name)).toEqual(["exception"]);
  });
});
