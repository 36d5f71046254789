import {
  createEventSourcingPipeline,
  type Event,
  type EventHandler,
  type EventSourcingService,
} from "@es/core";
import { expect, expectTypeOf, it } from "vitest";
import { EventStoreMemory, ProjectionStoreMemory } from "./index.js";

type AccountEvent = Event<"deposited" | "withdrawn", { readonly cents: number }>;

interface Balance {
  readonly cents: number;
  readonly note: string | null;
}

type ServiceOf<TProjection> = EventSourcingService<string, AccountEvent, TProjection>;

const eventStore = new EventStoreMemory<AccountEvent>();

it("gives a handler that is written in place the events of the store", () => {
  const { service } = createEventSourcingPipeline({
    eventStore,
    projectionStore: new ProjectionStoreMemory<number>(),
    eventHandler: {
      handle(stream) {
        expectTypeOf(stream.events).toEqualTypeOf<readonly AccountEvent[]>();
        return stream.reduce(
          (sum, { type, data }) => sum + (type === "deposited" ? data.cents : -data.cents),
          0,
        );
      },
    },
  });
  expectTypeOf(service).toEqualTypeOf<ServiceOf<number>>();
});

it("lets a handler say the types of stores without one", () => {
  const eventHandler: EventHandler<string, AccountEvent, Balance> = {
    handle: (stream) => ({ cents: stream.metadata.count, note: null }),
  };
  const { service } = createEventSourcingPipeline({
    eventStore: new EventStoreMemory(),
    projectionStore: new ProjectionStoreMemory(),
    eventHandler,
  });
  expectTypeOf(service).toEqualTypeOf<ServiceOf<Balance>>();
});

it("takes a handler whose projections are narrower than the store's, and gives those of the store", () => {
  const narrow: EventHandler<string, AccountEvent, { readonly cents: number; readonly note: null }> = {
    handle: (stream) => ({ cents: stream.metadata.count, note: null }),
  };
  const projectionStore = new ProjectionStoreMemory<Balance>();
  const declared = createEventSourcingPipeline({ eventStore, projectionStore, eventHandler: narrow });
  const inPlace = createEventSourcingPipeline({
    eventStore,
    projectionStore,
    eventHandler: { handle: (stream) => ({ cents: stream.metadata.count, note: null }) },
    serviceOptions: {
      hooks: { afterHandle: (_, projection) => void expectTypeOf(projection).toEqualTypeOf<Balance>() },
    },
  });
  expectTypeOf(declared.service).toEqualTypeOf<ServiceOf<Balance>>();
  expectTypeOf(inPlace.service).toEqualTypeOf<ServiceOf<Balance>>();
});

it("refuses a handler whose projections the store does not keep", () => {
  createEventSourcingPipeline({
    eventStore,
    // @ts-expect-error the projection store keeps other projections than the handler returns
    projectionStore: new ProjectionStoreMemory<Balance>(),
    eventHandler: { handle: (stream) => ({ cents: stream.metadata.count }) },
  });
});

it("refuses a store whose events the handler does not take", () => {
  const eventHandler: EventHandler<string, AccountEvent, number> = {
    handle: (stream) => stream.metadata.count,
  };
  createEventSourcingPipeline({
    // @ts-expect-error the event store gives other events than the handler takes
    eventStore: new EventStoreMemory<Event<"renamed", string>>(),
    projectionStore: new ProjectionStoreMemory(),
    eventHandler,
  });
  createEventSourcingPipeline({
    // @ts-expect-error the same for a store of wider events
    eventStore: new EventStoreMemory<Event>(),
    projectionStore: new ProjectionStoreMemory(),
    eventHandler,
  });
});

it("refuses an asynchronous handler, in its types and when the service is made", () => {
  const projectionStore = new ProjectionStoreMemory();
  expect(() =>
    createEventSourcingPipeline({
      eventStore,
      projectionStore,
      // @ts-expect-error handle must return the projection itself, not a promise of it
      eventHandler: { handle: async (stream) => stream.metadata.count },
    }),
  ).toThrow(
    expect.objectContaining({ code: "INVALID_OPTIONS", message: expect.stringContaining("not a promise") }),
  );
  const declared: EventHandler<string, AccountEvent, Promise<number>> = {
    handle: (stream) => Promise.resolve(stream.metadata.count),
  };
  createEventSourcingPipeline({
    eventStore,
    projectionStore,
    // @ts-expect-error the same for a handler that is declared before
    eventHandler: declared,
  });
});
