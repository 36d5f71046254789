import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../events/event.js";
import { createEventStream } from "./eventStream.js";

const anEvent = (id: string, occurredAt: bigint, acceptedAt = 1n, data: unknown = null): Event => ({
  id,
  aggregateId: "a",
  type: "happened",
  occurredAt,
  acceptedAt,
  data,
});

/** Few ids and few instants, so that duplicates and ties are common. */
const events = fc.array(
  fc
    .record({
      id: fc.constantFrom("a", "b", "c", "d"),
      occurredAt: fc.bigInt({ min: 0n, max: 3n }),
      acceptedAt: fc.bigInt({ min: 0n, max: 3n }),
      data: fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constant(null), fc.constant("")),
    })
    .map(({ id, occurredAt, acceptedAt, data }) => anEvent(id, occurredAt, acceptedAt, data)),
  { maxLength: 12 },
);

const eventsTwice = events.chain((original) =>
  fc.array(fc.nat({ max: Math.max(0, original.length - 1) }), { maxLength: 6 }).chain((again) => {
    const resent = original.length === 0 ? [] : again.map((index) => original[index] as Event);
    const all = [...original, ...resent];
    return fc.tuple(fc.constant(original), fc.shuffledSubarray(all, { minLength: all.length }));
  }),
);

const orderings = {
  "by timestamp": "timestamp" as const,
  "by a comparator that ties a lot": (a: Event, b: Event) => (a.id === "a" ? 0 : 1) - (b.id === "a" ? 0 : 1),
  "by a comparator that always ties": () => 0,
};

describe("createEventStream", () => {
  it.each(Object.entries(orderings))(
    "gives the same stream for any order and duplication, %s",
    (_, ordering) => {
      fc.assert(
        fc.property(eventsTwice, ([original, shuffled]) => {
          const expected = createEventStream("a", original, { ordering });
          const actual = createEventStream("a", shuffled, { ordering });
          expect(actual.events).toEqual(expected.events);
          expect({ ...actual.metadata, duplicates: 0 }).toEqual({ ...expected.metadata, duplicates: 0 });
        }),
        { numRuns: 1_000 },
      );
    },
  );

  it("keeps each identity once, the one accepted last", () => {
    fc.assert(
      fc.property(events, (input) => {
        const stream = createEventStream("a", input);
        expect(new Set(stream.events.map((event) => event.id)).size).toBe(stream.events.length);
        for (const event of input) {
          const kept = stream.events.find((candidate) => candidate.id === event.id);
          expect(kept?.acceptedAt).toBeGreaterThanOrEqual(event.acceptedAt);
        }
        expect(stream.metadata.duplicates).toBe(input.length - stream.events.length);
      }),
    );
  });

  it("orders by time, then by id", () => {
    const stream = createEventStream("a", [anEvent("b", 2n), anEvent("c", 1n), anEvent("a", 2n)]);
    expect([...stream].map((event) => event.id)).toEqual(["c", "a", "b"]);
  });

  it("knows the true first and last timestamp under any comparator", () => {
    const newestFirst = (a: Event, b: Event) => Number(b.occurredAt - a.occurredAt);
    const stream = createEventStream("a", [anEvent("x", 5n), anEvent("y", 9n), anEvent("z", 2n)], {
      ordering: newestFirst,
    });
    expect(stream.events.map((event) => event.id)).toEqual(["y", "x", "z"]);
    expect(stream.metadata).toMatchObject({
      count: 3,
      firstTimestamp: 2n,
      lastTimestamp: 9n,
      acceptedSum: 3n,
    });
  });

  it("tells nanoseconds apart", () => {
    const base = 1_700_000_000_000_000_000n;
    const stream = createEventStream("a", [anEvent("later", base + 1n), anEvent("earlier", base)]);
    expect(stream.events.map((event) => event.id)).toEqual(["earlier", "later"]);
  });

  it("takes ordered, distinct input as it is", () => {
    const input = [anEvent("a", 1n), anEvent("b", 1n), anEvent("c", 2n)];
    expect(createEventStream("a", input).events).toBe(input);
  });

  it("gives the same stream of a frozen array, the first and every other time", () => {
    fc.assert(
      fc.property(events, (input) => {
        const frozen = Object.freeze([...input]);
        const expected = createEventStream("a", input);
        for (const _ of [1, 2]) {
          const stream = createEventStream("b", frozen);
          expect(stream).toMatchObject({ aggregateId: "b", metadata: expected.metadata });
          expect(stream.events).toEqual(expected.events);
          expect([...stream]).toEqual(expected.events);
        }
      }),
    );
  });

  it("keeps what it knows of a frozen array apart from other orderings of it", () => {
    const frozen = Object.freeze([anEvent("a", 1n), anEvent("b", 2n)]);
    expect(createEventStream("a", frozen).events).toBe(frozen);
    const newestFirst = createEventStream("a", frozen, {
      ordering: (a, b) => Number(b.occurredAt - a.occurredAt),
    });
    expect(newestFirst.events.map(({ id }) => id)).toEqual(["b", "a"]);
    expect(createEventStream("a", frozen).events).toBe(frozen);
  });

  it("reduces and iterates what `events` holds, in its order, frozen or not, known or not", () => {
    fc.assert(
      fc.property(events, fc.constantFrom(...Object.values(orderings)), (input, ordering) => {
        for (const given of [input, Object.freeze([...input]), createEventStream("a", input).events]) {
          for (const _ of [1, 2]) {
            const stream = createEventStream("a", given, { ordering });
            const append = (state: readonly Event[], event: Event) => [...state, event];
            const reduced = stream.reduce(append, []);
            expect(reduced).toEqual(stream.events.reduce(append, []));
            expect(reduced.every((event, index) => event === stream.events[index])).toBe(true);
            expect([...stream]).toEqual(stream.events);
          }
        }
      }),
    );
  });

  it("gives nobody a way to change what others get of the same frozen array", () => {
    const frozen = Object.freeze([anEvent("a", 1n), anEvent("b", 2n)]);
    const stream = createEventStream("a", frozen);
    for (const change of [
      () => Object.assign(stream, { events: [] }),
      () => Object.assign(stream.metadata, { count: 0 }),
      () => (stream.events as Event[]).pop(),
    ])
      expect(change).toThrow(TypeError);
    const iterator = stream[Symbol.iterator]();
    iterator.next();
    const again = createEventStream("a", frozen);
    expect([...again]).toEqual(frozen);
    expect(again.metadata).toMatchObject({ count: 2, lastTimestamp: 2n });
  });

  it("never changes its input", () => {
    const input = Object.freeze([anEvent("b", 2n), anEvent("a", 1n), anEvent("b", 2n)]);
    expect(createEventStream("a", input).events.map((event) => event.id)).toEqual(["a", "b"]);
  });

  it("is empty without events", () => {
    expect(createEventStream("a", []).metadata).toEqual({
      count: 0,
      firstTimestamp: null,
      lastTimestamp: null,
      acceptedSum: 0n,
      duplicates: 0,
    });
  });
});
