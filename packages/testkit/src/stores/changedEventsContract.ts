import { randomUUID } from "node:crypto";
import {
  createEventStream,
  type Event,
  type EventStore,
  type EventStoreContext,
  type KnownEvents,
  parseTenantId,
} from "@es/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { arrivalArbitrary } from "../events/arrivalArbitrary.js";
import { type ContractEvent, contractEvent, TEST_EPOCH } from "../events/contractEvent.js";
import { eventsArbitrary } from "../events/eventArbitrary.js";
import { hostileIds } from "../hostileIds.js";
import type { EventStoreContract, EventStoreHarness } from "./eventStoreContract.js";

/** A store that can tell what changed in an aggregate. */
export type ChangeReadingStore<TEvent extends Event> = EventStore<string, TEvent> &
  Required<Pick<EventStore<string, TEvent>, "getChangedEvents" | "getEventsById">>;

export interface ChangedEventsHarness<TEvent extends Event> extends EventStoreHarness<TEvent> {
  readonly store: ChangeReadingStore<TEvent>;
}

export interface ChangedEventsContract<TEvent extends Event, THarness extends ChangedEventsHarness<TEvent>>
  extends Omit<EventStoreContract<TEvent, THarness>, "plantUndecodable" | "maxOccurredAt"> {
  /** Takes an event away, past the store, as expiry does. */
  removeEvent?(harness: THarness, event: TEvent, context: EventStoreContext): Promise<void>;
}

/** Tests what `EventStore.getChangedEvents` and `getEventsById` promise. Call it at the top of a test file. */
export function changedEventsContract<
  TEvent extends Event = ContractEvent,
  THarness extends ChangedEventsHarness<TEvent> = ChangedEventsHarness<TEvent>,
>(contract: ChangedEventsContract<TEvent, THarness>): void {
  describe(`${contract.name} tells what changed`, () => {
    suite(contract, false);
  });
  if (contract.settle !== undefined) {
    describe(`${contract.name} tells what changed, settled before every read`, () => {
      suite(contract, true);
    });
  }
}

function suite<TEvent extends Event, THarness extends ChangedEventsHarness<TEvent>>(
  contract: ChangedEventsContract<TEvent, THarness>,
  settled: boolean,
): void {
  let harness: THarness;
  let store: ChangeReadingStore<TEvent>;
  beforeAll(async () => {
    harness = await contract.setUp();
    store = harness.store;
  });
  afterAll(async () => {
    await harness?.tearDown?.();
  });

  const aggregateId = "aggregate-1";
  const newTenant = () => ({ tenantId: parseTenantId(`tenant-${randomUUID()}`) });
  const make = (fields: Partial<ContractEvent> = {}): TEvent => {
    const event = contractEvent(fields);
    return contract.makeEvent?.(event) ?? (event as unknown as TEvent);
  };
  const inStore = async (context: EventStoreContext, ...events: readonly TEvent[]) => {
    await store.storeEvents(events, context);
    if (settled) await contract.settle?.(harness);
  };
  const idsOf = (events: readonly TEvent[] | null) => events?.map(({ id }) => id).sort();

  it("gives everything to who knows nothing, and nothing to who knows everything", async () => {
    const context = newTenant();
    const events = [make({ id: "a" }), make({ id: "b", acceptedAt: TEST_EPOCH + 9n })];
    await inStore(context, ...events);
    expect(idsOf(await store.getChangedEvents(aggregateId, knownOf([]), context))).toEqual(["a", "b"]);
    expect(await store.getChangedEvents(aggregateId, knownOf(events), context)).toEqual([]);
    expect(await store.getChangedEvents("unknown", knownOf([]), context)).toEqual([]);
  });

  it("gives what was stored late, however long ago it was accepted", async () => {
    const context = newTenant();
    const known = make({ id: "known", acceptedAt: TEST_EPOCH + 3_600_000_000_000n });
    const late = [0n, 1n, 60_000_000_000n, 3_599_999_999_999n].map((age, i) =>
      make({ id: `late-${i}`, acceptedAt: known.acceptedAt - age }),
    );
    await inStore(context, known, ...late);
    expect(await store.getChangedEvents(aggregateId, knownOf([known]), context)).toHaveLength(late.length);
    expect(idsOf(await store.getChangedEvents(aggregateId, knownOf([known]), context))).toEqual(idsOf(late));
  });

  it("gives an event that was stored again as accepted later, and not one accepted earlier", async () => {
    const context = newTenant();
    const before = make({ id: "a", data: "before" });
    const other = make({ id: "b", acceptedAt: TEST_EPOCH + 5n });
    const after = make({ id: "a", data: "after", acceptedAt: TEST_EPOCH + 2n });
    await inStore(context, before, other);
    await inStore(context, after);
    expect(await store.getChangedEvents(aggregateId, knownOf([before, other]), context)).toEqual([after]);
    await inStore(context, before);
    expect(await store.getChangedEvents(aggregateId, knownOf([after, other]), context)).toEqual([]);
  });

  it("gives a thousand, of an aggregate of which one was known", async () => {
    const context = newTenant();
    const events = Array.from({ length: 1_000 }, (_, i) =>
      make({ id: `${"id".repeat(60)}-${i}`, acceptedAt: TEST_EPOCH + BigInt(i) }),
    );
    await inStore(context, ...events);
    const changed = await store.getChangedEvents(aggregateId, knownOf(events.slice(0, 1)), context);
    expect(idsOf(changed)).toEqual(idsOf(events.slice(1)));
  });

  it("brings whoever saw it at any time to what is stored, in any order of anything", async () => {
    await fc.assert(
      fc.asyncProperty(
        eventsArbitrary(),
        arrivalArbitrary(),
        fc.array(fc.boolean(), { maxLength: 20 }),
        async (fields, arrival, looks) => {
          const context = newTenant();
          let known: readonly TEvent[] = [];
          for (const [i, batch] of arrival.batchesOf(fields.map((event) => make(event))).entries()) {
            await inStore(context, ...batch);
            if (looks[i] === true) known = await look(known);
          }
          known = await look(known);
          const stored = await store.getEvents(aggregateId, context);
          expect(createEventStream(aggregateId, known).events).toEqual(stored);

          async function look(seen: readonly TEvent[]) {
            const changed = await store.getChangedEvents(aggregateId, knownOf(seen), context);
            expect(new Set(idsOf(changed)).size).toBe(changed?.length);
            const news = new Map(changed?.map((event) => [event.id, event]));
            for (const event of seen) {
              // Nothing is given that was known.
              expect(news.get(event.id)?.acceptedAt).not.toBe(event.acceptedAt);
            }
            return [...seen.filter(({ id }) => !news.has(id)), ...news.values()];
          }
        },
      ),
      { numRuns: contract.numRuns ?? 30 },
    );
  });

  it("tells events of hostile ids apart", async () => {
    const context = newTenant();
    const events = hostileIds.map((id, i) => make({ id, occurredAt: BigInt(i) }));
    await inStore(context, ...events);
    const [one] = events;
    if (one === undefined) throw new Error("there are hostile ids");
    const changed = await store.getChangedEvents(aggregateId, knownOf([one]), context);
    expect(idsOf(changed)).toEqual(idsOf(events.slice(1)));
    expect(idsOf(await store.getEventsById(aggregateId, hostileIds, context))).toEqual(idsOf(events));
    const own = hostileIds.map((id) => make({ aggregateId: id, id }));
    await inStore(context, ...own);
    const reads = hostileIds.map(async (id) => [
      await store.getChangedEvents(id, knownOf([]), context),
      await store.getEventsById(id, [id], context),
    ]);
    expect(await Promise.all(reads)).toEqual(own.map((event) => [[event], [event]]));
  });

  it("sees nothing of another tenant's or another aggregate's", async () => {
    const [mine, theirs] = [newTenant(), newTenant()];
    const event = make({ id: "a" });
    await inStore(mine, event);
    await inStore(theirs, make({ id: "a", acceptedAt: TEST_EPOCH + 5n }), make({ id: "b" }));
    await inStore(mine, make({ aggregateId: "other", id: "c" }));
    expect(await store.getChangedEvents(aggregateId, knownOf([event]), mine)).toEqual([]);
    expect(await store.getChangedEvents(aggregateId, knownOf([]), mine)).toEqual([event]);
    expect(await store.getEventsById(aggregateId, ["a", "b", "c"], mine)).toEqual([event]);
  });

  it("gives events by id: each once, as accepted last, and those only that are there", async () => {
    const context = newTenant();
    const after = make({ id: "a", data: "after", acceptedAt: TEST_EPOCH + 2n });
    await inStore(context, make({ id: "a", data: "before" }), make({ id: "b" }));
    await inStore(context, after);
    expect(await store.getEventsById(aggregateId, ["a", "a", "unknown"], context)).toEqual([after]);
    expect(await store.getEventsById(aggregateId, [], context)).toEqual([]);
  });

  const { removeEvent } = contract;
  if (removeEvent !== undefined) {
    it("says when something that is known is not there any more", async () => {
      const context = newTenant();
      const events = [make({ id: "a" }), make({ id: "b" })];
      await inStore(context, ...events);
      await removeEvent(harness, events[0] as TEvent, context);
      expect(await store.getChangedEvents(aggregateId, knownOf(events), context)).toBe(null);
      // Also where another came in its place.
      await inStore(context, make({ id: "c" }));
      expect(await store.getChangedEvents(aggregateId, knownOf(events), context)).toBe(null);
    });
  }

  it.each(["", "x".repeat(100_000)])("refuses an aggregate id that cannot be: %#", async (id) => {
    const invalid = expect.objectContaining({ code: "INVALID_AGGREGATE_ID" });
    await expect(store.getChangedEvents(id, knownOf([]), newTenant())).rejects.toEqual(invalid);
    await expect(store.getEventsById(id, ["a"], newTenant())).rejects.toEqual(invalid);
  });
}

/** @param events distinct by id */
function knownOf(events: readonly Event[]): KnownEvents {
  const acceptedAts = new Map(events.map(({ id, acceptedAt }) => [id, acceptedAt]));
  let acceptedSum = 0n;
  let lastAcceptedAt = 0n;
  for (const acceptedAt of acceptedAts.values()) {
    acceptedSum += acceptedAt;
    if (acceptedAt > lastAcceptedAt) lastAcceptedAt = acceptedAt;
  }
  return {
    eventCount: acceptedAts.size,
    acceptedSum,
    lastAcceptedAt,
    acceptedAtOf: (id) => acceptedAts.get(id),
  };
}
