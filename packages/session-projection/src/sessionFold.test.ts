import { createEventStream } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SessionEvent, SessionTrace } from "./sessionEvent.js";
import { SessionProjectionEventHandler } from "./sessionProjectionEventHandler.js";

/** What is told of a trace: `null` that it is not part of the session. */
interface Said {
  readonly trace: number;
  readonly version: number;
  readonly is: Partial<SessionTrace> | null;
}

function eventOf({ trace, version, is }: Said): SessionEvent {
  const traceId = String(trace).padStart(32, "0");
  const whole: SessionTrace = {
    traceId,
    name: `trace ${trace % 7}`,
    status: "unset",
    startTimeUnixNano: String(1_780_000_000_000_000_000n + BigInt((trace * 7_919) % 1_000)),
    endTimeUnixNano: String(1_780_000_000_000_001_000n + BigInt((trace * 104_729) % 1_000)),
    spanCount: 2,
    errorCount: 0,
    inputTokens: 10,
    outputTokens: 1,
    totalTokens: 11,
    cost: "0.0012",
    costComplete: true,
    models: ["gpt-4o"],
    userId: null,
    ...is,
  };
  return {
    id: `${traceId}@${version}`,
    aggregateId: "s",
    type: "session.trace",
    occurredAt: BigInt(whole.startTimeUnixNano),
    acceptedAt: BigInt(version * 1_000_000 + trace),
    data: { traceId, generation: 1, version: String(version), trace: is === null ? null : whole },
  };
}

const said: fc.Arbitrary<Partial<SessionTrace> | null> = fc.option(
  fc.record(
    {
      status: fc.constantFrom("ok", "error", "unset"),
      startTimeUnixNano: fc.nat({ max: 40 }).map(String),
      endTimeUnixNano: fc.nat({ max: 40 }).map(String),
      inputTokens: fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER),
      cost: fc.constantFrom(null, "0", "0.000000000001", "12.5"),
      costComplete: fc.boolean(),
      models: fc.array(
        fc.nat({ max: 30 }).map((n) => `model ${n}`),
        { maxLength: 3 },
      ),
      userId: fc.constantFrom(null, "ada", "bob", "cy", "dee"),
    },
    { requiredKeys: [] },
  ),
  { freq: 5 },
);

describe("a session of many traces", () => {
  it("that grows is that of all it was told, byte by byte, whatever was told in which order", () => {
    const handler = new SessionProjectionEventHandler({ limits: { traces: 5, distinct: 4 } });
    const change = fc.record({ trace: fc.nat({ max: 1_500 }), version: fc.nat({ max: 3 }), is: said });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), (changes, batch) => {
        // Enough for several runs.
        const before = Array.from({ length: 1_200 }, (_, trace) =>
          eventOf({ trace, version: 1, is: { models: [`model ${(trace * 13) % 40}`] } }),
        );
        const seen = new Map(before.map((event) => [event.id, event]));
        const fold = handler.startFold("s");
        fold.add(before);
        for (let from = 0; from < changes.length; from += batch) {
          const added = new Map(
            changes
              .slice(from, from + batch)
              .map(eventOf)
              .filter(({ id }) => !seen.has(id))
              .map((event) => [event.id, event]),
          );
          for (const event of added.values()) seen.set(event.id, event);
          fold.add([...added.values()]);
          fold.release();
        }
        const grown = canonicalJson(fold.project().projection);
        const whole = handler.handle(createEventStream("s", [...seen.values()]));
        expect(grown).toBe(canonicalJson(whole));
      }),
      { numRuns: 60 },
    );
  });

  it("holds as much as before when traces have come and gone, and says how much", () => {
    const fold = new SessionProjectionEventHandler().startFold("s");
    fold.add(Array.from({ length: 1_000 }, (_, trace) => eventOf({ trace, version: 1, is: {} })));
    const before = fold.release();
    const odd = { name: "x".repeat(200), models: Array.from({ length: 50 }, (_, n) => `m${n}`.repeat(500)) };
    fold.add(Array.from({ length: 100 }, (_, n) => eventOf({ trace: 2_000 + n, version: 1, is: odd })));
    // 50 long names once, not 100 times.
    expect(fold.release() - before).toBeGreaterThan(50 * 500);
    expect(fold.release() - before).toBeLessThan(50 * 2_000 * 3);
    fold.add(Array.from({ length: 100 }, (_, n) => eventOf({ trace: 2_000 + n, version: 2, is: null })));
    expect(fold.release() - before).toBeLessThan(100 * 500);
    expect(fold.project().projection).toMatchObject({ traceCount: 1_000, models: ["gpt-4o"] });
  });

  it("is folded in steps that each take a part of what is new", () => {
    const fold = new SessionProjectionEventHandler().startFold("s");
    let steps = 0;
    const many = Array.from({ length: 10_000 }, (_, trace) => eventOf({ trace, version: 1, is: {} }));
    for (const _ of fold.addInSteps(many)) steps++;
    expect(steps).toBeGreaterThan(90);
    steps = 0;
    for (const _ of fold.addInSteps([eventOf({ trace: 20_000, version: 1, is: {} })])) steps++;
    expect(steps).toBe(0);
  });
});
