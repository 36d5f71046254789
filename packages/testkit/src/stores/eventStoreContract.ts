import { randomUUID } from "node:crypto";
import {
  type AggregateRef,
  compareByTimestamp,
  createEventStream,
  type Event,
  type EventStore,
  type Page,
  type PageOptions,
  parseTenantId,
  type TenantId,
} from "@es/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { arrivalArbitrary } from "../events/arrivalArbitrary.js";
import { type ContractEvent, contractEvent, TEST_EPOCH } from "../events/contractEvent.js";
import { eventsArbitrary, idArbitrary } from "../events/eventArbitrary.js";
import { hostileIds, hostileTenantIds, refusedIds } from "../hostileIds.js";
import { keptValues, refusedContexts, refusedValues, vandalize } from "./storedValues.js";

export interface EventStoreHarness<TEvent extends Event> {
  readonly store: EventStore<string, TEvent>;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface EventStoreContract<TEvent extends Event, THarness extends EventStoreHarness<TEvent>> {
  /** Names the implementation in the test report. */
  readonly name: string;
  setUp(): THarness | Promise<THarness>;
  /**
   * Brings about what the store otherwise does in its own time, such as merges. Given, the suite runs twice: without it,
   * and with it between every write and read.
   */
  settle?(harness: THarness): Promise<void>;
  /** Puts an event of the aggregate into the engine, past the store, that the store cannot decode. */
  plantUndecodable?(harness: THarness, ref: AggregateRef): Promise<void>;
  /**
   * For a store of events of its own kind: makes one that carries all of the given, `data` included, and is equal
   * exactly if the given is. @default as given
   */
  makeEvent?(event: ContractEvent): TEvent;
  /** Greatest `occurredAt` such an event can have. @default 2n ** 64n - 1n */
  readonly maxOccurredAt?: bigint;
  /** Runs of each property test. @default 30 */
  readonly numRuns?: number;
}

const DAY = 86_400_000_000_000n;
const MAX_TIME = 2n ** 64n - 1n;

/** Tests every promise of `EventStore`. Call it at the top of a test file, once per implementation. */
export function eventStoreContract<
  TEvent extends Event = ContractEvent,
  THarness extends EventStoreHarness<TEvent> = EventStoreHarness<TEvent>,
>(contract: EventStoreContract<TEvent, THarness>): void {
  describe(`${contract.name} keeps the promises of an EventStore`, () => {
    suite(contract, false);
  });
  if (contract.settle !== undefined) {
    describe(`${contract.name} keeps the promises of an EventStore, settled before every read`, () => {
      suite(contract, true);
    });
  }
}

function suite<TEvent extends Event, THarness extends EventStoreHarness<TEvent>>(
  contract: EventStoreContract<TEvent, THarness>,
  settled: boolean,
): void {
  let harness: THarness;
  let store: EventStore<string, TEvent>;
  beforeAll(async () => {
    harness = await contract.setUp();
    store = harness.store;
  });
  afterAll(async () => {
    await harness?.tearDown?.();
  });

  const numRuns = contract.numRuns ?? 30;
  const maxOccurredAt = contract.maxOccurredAt ?? MAX_TIME;
  const make = (fields: Partial<ContractEvent> = {}): TEvent => {
    const event = contractEvent(fields);
    return contract.makeEvent?.(event) ?? (event as unknown as TEvent);
  };
  const settle = async () => {
    if (settled) await contract.settle?.(harness);
  };
  /** Every test has a tenant of its own, so that they cannot disturb one another. */
  const newTenant = () => ({ tenantId: parseTenantId(`tenant-${randomUUID()}`) });
  const inStore = async (context: { readonly tenantId: TenantId }, ...events: TEvent[]) => {
    await store.storeEvents(events, context);
    await settle();
  };

  describe("storing and reading", () => {
    it("returns what was stored as soon as the store has resolved", async () => {
      const context = newTenant();
      for (let i = 0; i < 5; i++) {
        await inStore(context, make({ id: `e${i}`, occurredAt: TEST_EPOCH + BigInt(i) }));
        expect(await store.getEvents("aggregate-1", context)).toHaveLength(i + 1);
      }
    });

    it("returns nothing for an unknown aggregate", async () => {
      expect(await store.getEvents("unknown", newTenant())).toEqual([]);
    });

    it("accepts an empty list", async () => {
      const context = newTenant();
      await store.storeEvents([], context);
      expect((await store.listAggregateIds(context)).items).toEqual([]);
    });

    it("stores events of several aggregates in one call", async () => {
      const context = newTenant();
      const a = make({ aggregateId: "a" });
      const b = make({ aggregateId: "b" });
      await inStore(context, a, b);
      expect(await store.getEvents("a", context)).toEqual([a]);
      expect(await store.getEvents("b", context)).toEqual([b]);
    });

    it("orders by occurredAt, then by id", async () => {
      const context = newTenant();
      const ids = ["b", "a", "B", "é", "e\u0301", "\uffff", "😀", "aa"];
      const events = ids.flatMap((id, i) => [
        make({ id, occurredAt: TEST_EPOCH + 5n }),
        make({ id: `${id}-later`, occurredAt: TEST_EPOCH + BigInt(i % 3) * 4n }),
      ]);
      await inStore(context, ...events);
      expect(await store.getEvents("aggregate-1", context)).toEqual([...events].sort(compareByTimestamp));
    });

    it("orders events of one instant by the UTF-8 bytes of their ids, as it orders aggregates", async () => {
      // On both sides of the surrogates: JavaScript's own order puts an emoji before a full-width tilde.
      const id = fc
        .array(fc.constantFrom("a", "\ud7ff", "\ue000", "～", "\uffff", "\u{10000}", "😀", "\u{10ffff}"), {
          minLength: 1,
          maxLength: 3,
        })
        .map((characters) => characters.join(""));
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(id, { minLength: 2, maxLength: 12 }), async (ids) => {
          const context = newTenant();
          await store.storeEvents(
            ids.flatMap((name) => [make({ id: name }), make({ aggregateId: name })]),
            context,
          );
          await settle();
          const expected = [...ids].sort(compareUtf8);
          const read = await store.getEvents("aggregate-1", context);
          expect(read.map((event) => event.id)).toEqual(expected);
          const listed = (await store.listAggregateIds(context)).items;
          expect(listed.filter((name) => name !== "aggregate-1")).toEqual(expected);
          const changed = (await store.listChangedAggregates(context, { since: 0n })).items;
          expect(changed.map(({ aggregateId }) => aggregateId)).toEqual(listed);
        }),
        { numRuns: Math.ceil(numRuns / 3) },
      );
    });

    it("keeps times exact to the nanosecond, from 0 to the greatest", async () => {
      const context = newTenant();
      const times = [
        0n,
        1n,
        2n ** 53n,
        2n ** 53n + 1n,
        TEST_EPOCH,
        TEST_EPOCH + 1n,
        maxOccurredAt - 1n,
        maxOccurredAt,
      ];
      const events = times.map((occurredAt, i) =>
        make({ id: `e${i}`, occurredAt, acceptedAt: TEST_EPOCH + BigInt(i) }),
      );
      await inStore(context, ...events);
      expect((await store.getEvents("aggregate-1", context)).map((event) => event.occurredAt)).toEqual(times);

      const acceptedTimes = [0n, 1n, 2n ** 53n + 1n, TEST_EPOCH + 1n, 2n ** 63n, MAX_TIME - 1n, MAX_TIME];
      const accepted = acceptedTimes.map((acceptedAt, i) =>
        make({ aggregateId: "accepted", id: `e${i}`, occurredAt: BigInt(i), acceptedAt }),
      );
      await inStore(context, ...accepted);
      expect((await store.getEvents("accepted", context)).map((event) => event.acceptedAt)).toEqual(
        acceptedTimes,
      );
    });

    it.each([
      ["nested objects", { a: { b: [{ c: [[], {}, [{}]] }] } }],
      ["empty values", { text: "", zero: 0, no: false, nothing: null, list: [], object: {} }],
      ["null", null],
      ["false", false],
      ["zero", 0],
      ["an empty string", ""],
      ["an empty list", []],
      ["an empty object", {}],
      ["numbers", [0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 2 ** 53, -(2 ** 53), 123456789.125]],
      ["digits in strings", { id: "9007199254740993", price: "0.10" }],
      ["unicode", { "ключ 😀": "e\u0301 é \u202e 👩‍👩‍👧‍👦 \uffff" }],
      ["control characters", "\u0000\u0001\b\t\n\r\u001f\u007f\u2028\u2029"],
      ["quotes and backslashes", `'"\`\\ \\n \\u0041 {{}} $& %s {a:String}`],
      ["names with a meaning", JSON.parse('{"__proto__":{"x":1},"constructor":1,"":2,"toJSON":3}')],
      ["a megabyte of text", "x😀".repeat(200_000)],
    ])("keeps data exactly: %s", async (_, data) => {
      const context = newTenant();
      const event = make({ data });
      await inStore(context, event);
      expect(await store.getEvents("aggregate-1", context)).toEqual([event]);
    });

    if (contract.makeEvent === undefined) {
      it.each(keptValues)("keeps data and metadata exactly: %s", async (_, value) => {
        const context = newTenant();
        const event = make({ data: value, metadata: { value } });
        await inStore(context, event);
        const [read] = await store.getEvents("aggregate-1", context);
        expect(read).toEqual(event);
        // toEqual takes -0 for another number than 0, and an undefined member for none.
        expect(read?.data).toEqual(value);
      });

      it.each(refusedValues)(
        "refuses data that is $fault, with the path to it, before anything is written",
        async ({ value, path }) => {
          const context = newTenant();
          for (const fields of [{ data: value }, { metadata: { value } }]) {
            const root = "data" in fields ? "data" : "metadata.value";
            await expect(
              store.storeEvents([make(), make({ id: "bad", ...fields })], context),
            ).rejects.toEqual(
              expect.objectContaining({
                code: "INVALID_EVENT",
                retryable: false,
                message: expect.stringContaining(`${root}${path} `),
              }),
            );
          }
          await settle();
          expect(await store.getEvents("aggregate-1", context)).toEqual([]);
        },
      );

      it("gives out frozen events, in frozen lists", async () => {
        const context = newTenant();
        await inStore(context, make({ data: { list: [{ a: 1 }] }, metadata: { nested: {} } }));
        const lists = [
          await store.getEvents("aggregate-1", context),
          (await store.getEventsOfMany(["aggregate-1"], context)).get("aggregate-1") ?? [],
          (await store.getEventsById?.("aggregate-1", ["event-1"], context)) ?? [],
        ];
        for (const list of lists) {
          expect(Object.isFrozen(list)).toBe(true);
          for (const event of list) {
            const { list: inner } = event.data as { readonly list: readonly object[] };
            for (const part of [event, event.data, inner, inner[0], event.metadata, event.metadata?.nested])
              expect(Object.isFrozen(part)).toBe(true);
          }
        }
      });
    }

    it("gives each caller events that nobody else can change", async () => {
      const context = newTenant();
      const events = ["a", "b"].map((id) => make({ id, data: { list: [1, { deep: "value" }], text: "t" } }));
      await inStore(context, ...events);
      const read = () => store.getEvents("aggregate-1", context);
      const readMany = async () =>
        (await store.getEventsOfMany(["aggregate-1"], context)).get("aggregate-1") ?? [];
      // At once, so that a store which shares round trips answers them by one.
      const [first, second, third] = await Promise.all([read(), read(), readMany()]);
      vandalize(first);
      vandalize(third);
      expect(second).toEqual(events);
      expect(await read()).toEqual(events);
      expect(await readMany()).toEqual(events);
    });

    it("keeps metadata, and its absence", async () => {
      const context = newTenant();
      const withIt = make({ id: "a", metadata: { correlationId: "c-1", nested: { a: [1, null] } } });
      const empty = make({ id: "b", metadata: {} });
      const without = make({ id: "c" });
      await inStore(context, withIt, empty, without);
      expect(await store.getEvents("aggregate-1", context)).toEqual([withIt, empty, without]);
    });

    it("keeps its values from later changes by the caller", async () => {
      const context = newTenant();
      const data = { list: [1] };
      const event = make({ data });
      const expected = structuredClone(event);
      const storing = store.storeEvents([event], context);
      data.list.push(2);
      await storing;
      data.list.push(3);
      const [read] = await store.getEvents("aggregate-1", context);
      expect(read).toEqual(expected);
      try {
        // A store may hand out frozen values or values of the caller's own; never its own.
        (read as unknown as { data: { list: number[] } }).data?.list?.push(4);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
      }
      expect(await store.getEvents("aggregate-1", context)).toEqual([expected]);
    });

    it("reads an aggregate of 3000 events whole", async () => {
      const context = newTenant();
      const events = Array.from({ length: 3_000 }, (_, i) =>
        make({ id: `e${String(i).padStart(5, "0")}`, occurredAt: TEST_EPOCH + BigInt(i), data: { i } }),
      );
      await inStore(context, ...[...events].reverse());
      expect(await store.getEvents("aggregate-1", context)).toEqual(events);
    });
  });

  describe("identity", () => {
    it("counts an event once however often it is stored", async () => {
      const context = newTenant();
      const event = make();
      await inStore(context, event, event);
      await inStore(context, event);
      await inStore(context, event, make({ id: "other", occurredAt: TEST_EPOCH + 1n }), event);
      const read = await store.getEvents("aggregate-1", context);
      expect(read.map(({ id }) => id)).toEqual([event.id, "other"]);
      const changed = await store.listChangedAggregates(context, { since: 0n });
      expect(changed.items.map(({ eventCount }) => eventCount)).toEqual([2]);
    });

    it.each([
      ["the later last", [0, 1, 2]],
      ["the later first", [2, 1, 0]],
      ["the later between", [0, 2, 1]],
    ])("lets the one accepted last count, inserted %s", async (_, order) => {
      const context = newTenant();
      // Also months apart: an engine may keep such rows in different places.
      const versions = [0, 1, 2].map((i) =>
        make({ acceptedAt: TEST_EPOCH + BigInt(i) * 45n * DAY, data: i }),
      );
      for (const i of order) await inStore(context, versions[i] as TEvent);
      expect(await store.getEvents("aggregate-1", context)).toEqual([versions[2]]);

      const sameCall = order.map((i) => make({ aggregateId: "same-call", acceptedAt: BigInt(i), data: i }));
      await inStore(context, ...sameCall);
      expect(await store.getEvents("same-call", context)).toEqual([
        make({ aggregateId: "same-call", acceptedAt: 2n, data: 2 }),
      ]);
    });

    it("keeps equal event ids of different aggregates apart", async () => {
      const context = newTenant();
      await inStore(context, make({ aggregateId: "a", data: "a" }), make({ aggregateId: "b", data: "b" }));
      expect(await store.getEvents("a", context)).toEqual([make({ aggregateId: "a", data: "a" })]);
      expect(await store.getEvents("b", context)).toEqual([make({ aggregateId: "b", data: "b" })]);
    });

    it("reads the same for any order, duplication and batching of any events", async () => {
      await fc.assert(
        fc.asyncProperty(eventsArbitrary(), arrivalArbitrary(), async (generated, arrival) => {
          const context = newTenant();
          const events = generated.map((event) => make(event));
          for (const batch of arrival.batchesOf(events)) await store.storeEvents(batch, context);
          await settle();
          const expected = createEventStream("aggregate-1", events);
          expect(await store.getEvents("aggregate-1", context)).toEqual(expected.events);
          const changed = await store.listChangedAggregates(context, { since: 0n });
          expect(changed.items).toEqual(events.length === 0 ? [] : [watermarkOf("aggregate-1", events)]);
        }),
        { numRuns },
      );
    });

    it("takes concurrent writers of the same events", async () => {
      const context = newTenant();
      const events = Array.from({ length: 40 }, (_, i) =>
        make({
          id: `e${i}`,
          aggregateId: `aggregate-${i % 4}`,
          occurredAt: BigInt(i),
          acceptedAt: BigInt(i),
        }),
      );
      await Promise.all(
        Array.from({ length: 20 }, (_, writer) =>
          store.storeEvents(
            events.filter((_, i) => (i + writer) % 3 !== 0),
            context,
          ),
        ),
      );
      await settle();
      const read = await Promise.all([0, 1, 2, 3].map((i) => store.getEvents(`aggregate-${i}`, context)));
      for (const [i, found] of read.entries()) {
        expect(found).toEqual(events.filter((event) => event.aggregateId === `aggregate-${i}`));
      }
    });

    it("shows readers beside writers only whole events of their own aggregate", async () => {
      const context = newTenant();
      const aggregates = ["a", "b", "c"];
      const rounds = Array.from({ length: 15 }, (_, i) => i);
      await Promise.all(
        rounds.map(async (i) => {
          const aggregateId = aggregates[i % 3] as string;
          const event = make({ aggregateId, id: `e${i}`, occurredAt: BigInt(i), data: { aggregateId, i } });
          await store.storeEvents([event], context);
          // Read your writes, whatever else is in flight.
          const read = await store.getEvents(aggregateId, context);
          expect(read).toContainEqual(event);
          expect(read.every((other) => other.aggregateId === aggregateId)).toBe(true);
        }),
      );
    });
  });

  describe("reading many aggregates", () => {
    it("has an entry for every id asked for: known, unknown and repeated", async () => {
      const context = newTenant();
      const a = make({ aggregateId: "a" });
      const b1 = make({ aggregateId: "b", id: "1", occurredAt: TEST_EPOCH + 1n });
      const b2 = make({ aggregateId: "b", id: "2" });
      await inStore(context, a, b1, b2);
      const read = await store.getEventsOfMany(["b", "unknown", "a", "b"], context);
      expect(new Map(read)).toEqual(
        new Map([
          ["b", [b2, b1]],
          ["unknown", []],
          ["a", [a]],
        ]),
      );
      expect((await store.getEventsOfMany([], context)).size).toBe(0);
    });

    it("reads hundreds in one call", async () => {
      const context = newTenant();
      const ids = Array.from({ length: 700 }, (_, i) => `aggregate-${i}`);
      await inStore(context, ...ids.map((aggregateId) => make({ aggregateId, data: { aggregateId } })));
      const read = await store.getEventsOfMany(ids, context);
      for (const aggregateId of ids) {
        expect(read.get(aggregateId)).toEqual([make({ aggregateId, data: { aggregateId } })]);
      }
    });
  });

  describe("hostile ids", () => {
    it("keeps aggregates of hostile ids exactly and apart", async () => {
      const context = newTenant();
      const events = hostileIds.map((aggregateId, i) => make({ aggregateId, data: i }));
      await inStore(context, ...events);
      const read = await Promise.all(hostileIds.map((aggregateId) => store.getEvents(aggregateId, context)));
      expect(read).toEqual(events.map((event) => [event]));
      const many = await store.getEventsOfMany(hostileIds, context);
      expect(hostileIds.map((aggregateId) => many.get(aggregateId))).toEqual(read);
    });

    it("keeps events of hostile ids exactly and apart", async () => {
      const context = newTenant();
      const events = hostileIds.map((id, i) => make({ id, occurredAt: BigInt(i), data: i }));
      await inStore(context, ...events);
      expect(await store.getEvents("aggregate-1", context)).toEqual(events);
    });

    it("keeps any ids exactly", async () => {
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(idArbitrary(), { minLength: 1, maxLength: 10 }), async (ids) => {
          const context = newTenant();
          const events = ids.map((id) => make({ aggregateId: id, id }));
          await store.storeEvents(events, context);
          await settle();
          const read = await store.getEventsOfMany(ids, context);
          expect(ids.map((id) => read.get(id))).toEqual(events.map((event) => [event]));
          expect((await store.listAggregateIds(context)).items).toEqual([...ids].sort(compareUtf8));
        }),
        { numRuns },
      );
    });

    it.each(refusedIds)(
      "refuses an aggregate id that is $fault, before anything is written",
      async ({ id }) => {
        const context = newTenant();
        const invalid = expect.objectContaining({ code: "INVALID_AGGREGATE_ID", retryable: false });
        await expect(store.storeEvents([make(), make({ aggregateId: id })], context)).rejects.toEqual(
          invalid,
        );
        await expect(store.getEvents(id, context)).rejects.toEqual(invalid);
        await expect(store.getEventsOfMany(["aggregate-1", id], context)).rejects.toEqual(invalid);
        await settle();
        expect(await store.getEvents("aggregate-1", context)).toEqual([]);
      },
    );

    it.each(refusedIds)("refuses an event id that is $fault, before anything is written", async ({ id }) => {
      const context = newTenant();
      await expect(store.storeEvents([make(), make({ id })], context)).rejects.toEqual(
        expect.objectContaining({ code: "INVALID_EVENT", retryable: false }),
      );
      await settle();
      expect(await store.getEvents("aggregate-1", context)).toEqual([]);
    });

    it.each([
      ["before 1970", -1n],
      ["past 64 bits", 2n ** 64n],
    ])("refuses times %s, before anything is written", async (_, time) => {
      const context = newTenant();
      const valid = make();
      for (const fields of [{ occurredAt: time }, { acceptedAt: time }]) {
        await expect(
          store.storeEvents([valid, { ...make({ id: "bad" }), ...fields } as TEvent], context),
        ).rejects.toEqual(expect.objectContaining({ code: "INVALID_EVENT" }));
      }
      await settle();
      expect(await store.getEvents("aggregate-1", context)).toEqual([]);
    });
  });

  describe("tenants", () => {
    it.each(refusedContexts)("refuses every call of nobody: %s in place of a tenant", async (_, given) => {
      const context = given as { readonly tenantId: TenantId };
      const known = { eventCount: 0, acceptedSum: 0n, lastAcceptedAt: 0n, acceptedAtOf: () => undefined };
      const calls: readonly (() => Promise<unknown> | undefined)[] = [
        () => store.storeEvents([make()], context),
        () => store.storeEvents([], context),
        () => store.getEvents("aggregate-1", context),
        () => store.getEventsOfMany(["aggregate-1"], context),
        () => store.getEventsOfMany([], context),
        () => store.getChangedEvents?.("aggregate-1", known, context),
        () => store.getEventsById?.("aggregate-1", ["event-1"], context),
        () => store.listAggregateIds(context),
        () => store.listChangedAggregates(context, { since: 0n }),
      ];
      for (const call of calls) {
        const made = call();
        if (made === undefined) continue;
        await expect(made).rejects.toEqual(
          expect.objectContaining({ code: "INVALID_TENANT_ID", retryable: false }),
        );
      }
    });

    it("never meet, also with equal aggregate and event ids", async () => {
      const [one, other] = [newTenant(), newTenant()];
      const mine = make({ data: "mine" });
      const theirs = make({ data: "theirs", acceptedAt: TEST_EPOCH + 1n });
      await inStore(one, mine);
      await inStore(other, theirs, make({ aggregateId: "only-theirs" }));
      expect(await store.getEvents("aggregate-1", one)).toEqual([mine]);
      expect(await store.getEvents("aggregate-1", other)).toEqual([theirs]);
      expect(await store.getEvents("only-theirs", one)).toEqual([]);
      expect((await store.getEventsOfMany(["aggregate-1", "only-theirs"], one)).get("only-theirs")).toEqual(
        [],
      );
      expect((await store.listAggregateIds(one)).items).toEqual(["aggregate-1"]);
      expect((await store.listChangedAggregates(one, { since: 0n })).items).toEqual([
        watermarkOf("aggregate-1", [mine]),
      ]);
    });

    it("never meet whatever their ids hold, read at once", async () => {
      const suffix = randomUUID();
      const contexts = hostileTenantIds.map((id) => ({ tenantId: parseTenantId(`${id}${suffix}`) }));
      await Promise.all(contexts.map((context, i) => store.storeEvents([make({ data: i })], context)));
      await settle();
      const read = await Promise.all(contexts.map((context) => store.getEvents("aggregate-1", context)));
      expect(read).toEqual(contexts.map((_, i) => [make({ data: i })]));
      const many = await Promise.all(
        contexts.map((context) => store.getEventsOfMany(["aggregate-1"], context)),
      );
      expect(many.map((found) => found.get("aggregate-1"))).toEqual(read);
    });

    it("never meet whatever their ids hold, listed at once, and each with the others' cursors", async () => {
      const suffix = randomUUID();
      const contexts = hostileTenantIds.map((id) => ({ tenantId: parseTenantId(`${id}${suffix}`) }));
      // Every tenant has the same first aggregate, and one of its own after it.
      const ofTenant = (i: number) => [make({ data: i }), make({ aggregateId: `own ${i}`, data: i })];
      await Promise.all(contexts.map((context, i) => store.storeEvents(ofTenant(i), context)));
      await settle();
      const first = await Promise.all(
        contexts.map((context) => store.listAggregateIds(context, { limit: 1 })),
      );
      expect(first.map(({ items }) => items)).toEqual(contexts.map(() => ["aggregate-1"]));
      for (const [i, context] of contexts.entries()) {
        const cursor = first[(i + 1) % contexts.length]?.nextCursor ?? "";
        expect((await store.listAggregateIds(context, { cursor })).items).toEqual([`own ${i}`]);
        expect((await store.listChangedAggregates(context, { since: 0n })).items).toEqual([
          watermarkOf("aggregate-1", [make({ data: i })]),
          watermarkOf(`own ${i}`, [make({ data: i })]),
        ]);
      }
    });

    it("cannot be crossed by moving a separator between tenant and aggregate", async () => {
      const suffix = randomUUID();
      const first = { tenantId: parseTenantId(`${suffix}a:b`) };
      const second = { tenantId: parseTenantId(`${suffix}a`) };
      await inStore(first, make({ aggregateId: "c" }));
      expect(await store.getEvents("b:c", second)).toEqual([]);
      expect((await store.listAggregateIds(second)).items).toEqual([]);
    });
  });

  describe("listing aggregates", () => {
    it("gives every aggregate once, by the UTF-8 bytes of its id, whatever the page size", async () => {
      const context = newTenant();
      await inStore(
        context,
        ...hostileIds.flatMap((aggregateId) => [make({ aggregateId }), make({ aggregateId, id: "second" })]),
      );
      const expected = [...hostileIds].sort(compareUtf8);
      for (const limit of [7, hostileIds.length - 1, hostileIds.length, 1_000]) {
        const pages = await allPages((options) => store.listAggregateIds(context, options), limit);
        expect(pages.flatMap(({ items }) => items)).toEqual(expected);
        expect(pages.every(({ items }) => items.length <= limit)).toBe(true);
        expect(pages).toHaveLength(Math.ceil(expected.length / limit));
      }
    });

    it("says there is no next page when there is none", async () => {
      const context = newTenant();
      expect(await store.listAggregateIds(context)).toEqual({ items: [], nextCursor: null });
      await inStore(context, make({ aggregateId: "a" }), make({ aggregateId: "b" }));
      expect(await store.listAggregateIds(context, { limit: 2 })).toEqual({
        items: ["a", "b"],
        nextCursor: null,
      });
    });

    it("keeps cursors valid while data is added", async () => {
      const context = newTenant();
      await inStore(context, ...["b", "d", "f"].map((aggregateId) => make({ aggregateId })));
      const first = await store.listAggregateIds(context, { limit: 2 });
      expect(first.items).toEqual(["b", "d"]);
      await inStore(context, ...["a", "c", "e", "g"].map((aggregateId) => make({ aggregateId })));
      const rest = await allPages(
        (options) => store.listAggregateIds(context, options),
        2,
        first.nextCursor as string,
      );
      // Nothing twice, nothing after the cursor missed.
      expect(rest.flatMap(({ items }) => items)).toEqual(["e", "f", "g"]);
    });

    it.each(["", "nonsense", "1.", "%00", "1.YQ=="])("refuses the cursor %j", async (cursor) => {
      const context = newTenant();
      const invalid = expect.objectContaining({ code: "INVALID_CURSOR", retryable: false });
      await expect(store.listAggregateIds(context, { cursor })).rejects.toEqual(invalid);
      await expect(store.listChangedAggregates(context, { cursor, since: 0n })).rejects.toEqual(invalid);
    });

    it.each([0, -1, 1.5, Number.NaN])("refuses pages of %d", async (limit) => {
      const context = newTenant();
      const invalid = expect.objectContaining({ code: "INVALID_OPTIONS" });
      await expect(store.listAggregateIds(context, { limit })).rejects.toEqual(invalid);
      await expect(store.listChangedAggregates(context, { limit, since: 0n })).rejects.toEqual(invalid);
    });
  });

  describe("listing changed aggregates", () => {
    it("includes changes at the very instant, with the watermark of all events", async () => {
      const context = newTenant();
      const old = [
        make({ aggregateId: "changed", id: "1", acceptedAt: 10n }),
        make({ aggregateId: "changed", id: "2", acceptedAt: 2n ** 60n + 1n }),
      ];
      const recent = make({ aggregateId: "changed", id: "3", acceptedAt: 2n ** 60n + 100n });
      await inStore(context, ...old, recent, make({ aggregateId: "unchanged", acceptedAt: 2n ** 60n + 99n }));
      const since = 2n ** 60n + 100n;
      expect((await store.listChangedAggregates(context, { since })).items).toEqual([
        watermarkOf("changed", [...old, recent]),
      ]);
      expect((await store.listChangedAggregates(context, { since: since + 1n })).items).toEqual([]);
    });

    it("counts a resent event once, and a replaced one with its new accepted time", async () => {
      const context = newTenant();
      await inStore(
        context,
        make({ id: "1", acceptedAt: TEST_EPOCH }),
        make({ id: "2", acceptedAt: TEST_EPOCH }),
      );
      await inStore(context, make({ id: "1", acceptedAt: TEST_EPOCH + 60n * DAY }));
      await inStore(context, make({ id: "1", acceptedAt: TEST_EPOCH - 60n * DAY }));
      expect((await store.listChangedAggregates(context, { since: 0n })).items).toEqual([
        {
          aggregateId: "aggregate-1",
          eventCount: 2,
          acceptedSum: TEST_EPOCH * 2n + 60n * DAY,
          lastAcceptedAt: TEST_EPOCH + 60n * DAY,
        },
      ]);
    });

    it("sums accepted times past 64 bits", async () => {
      const context = newTenant();
      const events = ["1", "2", "3"].map((id) => make({ id, acceptedAt: MAX_TIME }));
      await inStore(context, ...events);
      expect((await store.listChangedAggregates(context, { since: MAX_TIME })).items).toEqual([
        watermarkOf("aggregate-1", events),
      ]);
    });

    it("pages by the UTF-8 bytes of the id", async () => {
      const context = newTenant();
      const events = hostileIds.map((aggregateId, i) => make({ aggregateId, acceptedAt: BigInt(i) }));
      await inStore(context, ...events);
      const since = 20n;
      const pages = await allPages(
        (options) => store.listChangedAggregates(context, { ...options, since }),
        13,
      );
      expect(pages.flatMap(({ items }) => items)).toEqual(
        events
          .filter((event) => event.acceptedAt >= since)
          .sort((a, b) => compareUtf8(a.aggregateId, b.aggregateId))
          .map((event) => watermarkOf(event.aggregateId, [event])),
      );
    });
  });

  const { plantUndecodable } = contract;
  if (plantUndecodable !== undefined) {
    describe("an event that cannot be decoded", () => {
      it("fails reads of its own aggregate, and of no other", async () => {
        const context = newTenant();
        const good = make({ aggregateId: "good" });
        await inStore(context, good, make({ aggregateId: "broken" }));
        await plantUndecodable(harness, { ...context, aggregateId: "broken" });
        await settle();
        // The good event of the aggregate and the planted one.
        const fields = expect.objectContaining({ eventCount: 2 });
        const undecodable = expect.objectContaining({ code: "EVENT_UNDECODABLE", retryable: false, fields });
        const reads = await Promise.allSettled(
          ["good", "broken", "good", "unknown"].map((aggregateId) => store.getEvents(aggregateId, context)),
        );
        expect(reads).toEqual([
          { status: "fulfilled", value: [good] },
          { status: "rejected", reason: undecodable },
          { status: "fulfilled", value: [good] },
          { status: "fulfilled", value: [] },
        ]);
        await expect(store.getEventsOfMany(["good", "broken"], context)).rejects.toEqual(undecodable);
        expect((await store.getEventsOfMany(["good"], context)).get("good")).toEqual([good]);
      });
    });
  }
}

function watermarkOf(aggregateId: string, events: readonly Event[]) {
  const { metadata, events: distinct } = createEventStream(aggregateId, events);
  return {
    aggregateId,
    eventCount: metadata.count,
    acceptedSum: metadata.acceptedSum,
    lastAcceptedAt:
      distinct
        .map(({ acceptedAt }) => acceptedAt)
        .sort(compareBigints)
        .at(-1) ?? 0n,
  };
}

function compareBigints(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function allPages<TItem>(
  list: (options: PageOptions) => Promise<Page<TItem>>,
  limit: number,
  start: string | null = null,
): Promise<readonly Page<TItem>[]> {
  const pages: Page<TItem>[] = [];
  let cursor = start;
  do {
    const page = await list(cursor === null ? { limit } : { limit, cursor });
    pages.push(page);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return pages;
}
