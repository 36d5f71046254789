import { type Event, type EventCodec, type ProjectionVersion, parseTenantId } from "@es/core";
import { eventStoreContract, projectionStoreContract } from "@es/testkit";
import { describe, expect, it } from "vitest";
import { EventStoreMemory, ProjectionStoreMemory } from "./index.js";

/** What JSON cannot hold. */
interface Measured {
  readonly value: unknown;
  readonly total: bigint;
  readonly byName: ReadonlyMap<string, Uint8Array>;
}

type MeasuredEvent = Event<string, Measured>;

const codec: EventCodec<MeasuredEvent, MeasuredEvent> = {
  encode: (event) => structuredClone(event),
  decode: (event) => structuredClone(event),
};
const measured = (value: unknown): Measured => ({
  value,
  total: 12n,
  byName: new Map([["bytes", new Uint8Array([1, 2])]]),
});

eventStoreContract<MeasuredEvent>({
  name: "EventStoreMemory with a codec",
  setUp: () => ({ store: new EventStoreMemory<MeasuredEvent>({ codec }) }),
  makeEvent: (event) => ({ ...event, data: measured(event.data) }),
});

projectionStoreContract<{ readonly total: bigint; readonly value: unknown }>({
  name: "ProjectionStoreMemory with a codec",
  setUp: () => ({
    store: new ProjectionStoreMemory<{ readonly total: bigint; readonly value: unknown }>({
      codec: {
        encode: ({ total, value }) => JSON.stringify([String(total), value]),
        decode: (text) => {
          const [total, value] = JSON.parse(text) as [string, unknown];
          return { total: BigInt(total), value };
        },
      },
    }),
  }),
  makeProjection: (value) => ({ total: 2n ** 70n, value }),
});

describe("a codec", () => {
  const context = { tenantId: parseTenantId("acme") };

  it("that throws refuses the event, before anything is stored", async () => {
    const store = new EventStoreMemory<MeasuredEvent>({ codec });
    const event = (id: string, data: Measured): MeasuredEvent => {
      return { id, aggregateId: "a", type: "measured", occurredAt: 1n, acceptedAt: 1n, data };
    };
    const bad = event(
      "bad",
      measured(() => "a function cannot be copied"),
    );
    await expect(store.storeEvents([event("good", measured(1)), bad], context)).rejects.toMatchObject({
      code: "INVALID_EVENT",
      message: expect.stringContaining('"bad"'),
    });
    expect(await store.getEvents("a", context)).toEqual([]);
  });

  it("that cannot read what is stored makes the projection undecodable, with its version", async () => {
    const store = new ProjectionStoreMemory<number>({
      codec: {
        decode: () => {
          throw new TypeError("it is of another release");
        },
      },
    });
    const metadata = { eventCount: 1, firstEventTimestamp: null, lastEventTimestamp: null };
    const version = 7n as ProjectionVersion;
    await store.storeProjection({ aggregateId: "a", version, projection: 1, metadata }, context);
    expect(await store.getProjection("a", context)).toMatchObject({ status: "undecodable", version });
  });
});
