import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../events/event.js";
import { createEventStream } from "../streams/eventStream.js";
import { makeProjectionVersion, parseProjectionVersion, readProjectionVersion } from "./projectionVersion.js";

const parts = fc.record({
  eventCount: fc.nat(),
  acceptedSum: fc.bigInt({ min: 0n, max: (1n << 96n) - 1n }),
  handlerVersion: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  revision: fc.maxSafeNat(),
});

const versionOf = (events: readonly Event[], handlerVersion = 1) => {
  const { count, acceptedSum } = createEventStream("a", events).metadata;
  return makeProjectionVersion({ eventCount: count, acceptedSum, handlerVersion, revision: 0 });
};

describe("ProjectionVersion", () => {
  it("holds its parts and survives its decimal form", () => {
    fc.assert(
      fc.property(parts, (given) => {
        const version = makeProjectionVersion(given);
        expect(readProjectionVersion(version)).toEqual(given);
        expect(parseProjectionVersion(String(version))).toBe(version);
      }),
    );
  });

  it("orders by events, then accepted times, then handler, then revision", () => {
    const lexicographic = (p: typeof parts extends fc.Arbitrary<infer T> ? T : never) =>
      [BigInt(p.eventCount), p.acceptedSum, BigInt(p.handlerVersion), BigInt(p.revision)] as const;
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const left = lexicographic(a);
        const right = lexicographic(b);
        const different = left.findIndex((value, index) => value !== right[index]);
        const expected =
          different === -1 ? false : (left[different] as bigint) > (right[different] as bigint);
        expect(makeProjectionVersion(a) > makeProjectionVersion(b)).toBe(expected);
      }),
    );
  });

  it("is greater for every superset of events that changes the stream, whatever the clocks said", () => {
    const event = fc
      .record({
        id: fc.constantFrom("a", "b", "c"),
        acceptedAt: fc.bigInt({ min: 1n, max: 9n }),
        data: fc.nat(3),
      })
      .map((fields): Event => ({ ...fields, aggregateId: "a", type: "t", occurredAt: 0n }));
    // Distinct stamps per identity, as the accepted clock gives them.
    const stored = fc.uniqueArray(event, {
      selector: ({ id, acceptedAt }) => `${id} ${acceptedAt}`,
      maxLength: 10,
    });
    fc.assert(
      fc.property(stored, fc.nat(10), (all, some) => {
        const subset = all.slice(0, some);
        const changed =
          JSON.stringify(createEventStream("a", subset).events, asText) !==
          JSON.stringify(createEventStream("a", all).events, asText);
        if (changed) expect(versionOf(all) > versionOf(subset)).toBe(true);
        else expect(versionOf(all)).toBe(versionOf(subset));
      }),
      { numRuns: 2_000 },
    );
  });

  it("lets a new handler replace an old one's output of the same events, never of more", () => {
    const event: Event = { id: "a", aggregateId: "a", type: "t", occurredAt: 0n, acceptedAt: 5n, data: null };
    const more = [event, { ...event, id: "b" }];
    expect(versionOf([event], 2) > versionOf([event], 1)).toBe(true);
    expect(versionOf(more, 1) > versionOf([event], 2)).toBe(true);
  });

  it.each([
    { eventCount: -1 },
    { eventCount: 1.5 },
    { acceptedSum: 1n << 96n },
    { acceptedSum: -1n },
    { handlerVersion: 2 ** 32 },
    { revision: -1 },
  ])("refuses %o", (wrong) => {
    const valid = { eventCount: 1, acceptedSum: 1n, handlerVersion: 1, revision: 0 };
    expect(() => makeProjectionVersion({ ...valid, ...wrong })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTIONS" }),
    );
  });

  it.each(["", "-1", "1.0", "0x1", "abc", "9".repeat(79), String(1n << 256n)])(
    "does not parse %j",
    (text) => {
      expect(() => parseProjectionVersion(text)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTIONS" }),
      );
    },
  );
});

function asText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
