import { createEventStream } from "@es/core";
import { canonicalJson, createAcceptedClock } from "@es/core/adapter";
import { arrivalArbitrary, checkOrderFree } from "@es/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SpanFields, spanEvent, traceRecord } from "../test/traceRecords.js";
import { type SessionEvent, sessionEventsOf, sessionIdsOf } from "./sessionEvent.js";
import { SessionProjectionEventHandler } from "./sessionProjectionEventHandler.js";

const clock = createAcceptedClock();
const usage = (input: bigint, output: bigint) => ({
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "openai",
  "gen_ai.response.model": "gpt-4o",
  "gen_ai.usage.input_tokens": input,
  "gen_ai.usage.output_tokens": output,
});
const told = (spans: readonly SpanFields[], generation = 1) =>
  sessionEventsOf(traceRecord(spans.map(spanEvent), generation), generation, clock);
const sessionOf = (sessionId: string, events: readonly SessionEvent[], generation = 1) =>
  new SessionProjectionEventHandler({ generation }).handle(
    createEventStream(
      sessionId,
      events.filter(({ aggregateId }) => aggregateId === sessionId),
    ),
  );

/** Spans of up to four traces that name up to three sessions, in the order in which they arrive. */
const history: fc.Arbitrary<readonly SpanFields[]> = fc
  .array(
    fc.record({
      trace: fc.nat({ max: 3 }),
      root: fc.boolean(),
      start: fc.bigInt({ min: 0n, max: 5n }),
      failed: fc.boolean(),
      session: fc.constantFrom(undefined, "a", "b", "/?#😀'"),
      user: fc.constantFrom(undefined, "ada", "bob"),
      tokens: fc.nat({ max: 1_000 }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((spans) =>
    spans.map(({ trace, root, start, failed, session, user, tokens }, index) => ({
      traceId: String(trace).padStart(32, "0"),
      spanId: String(index).padStart(16, "0"),
      parentSpanId: root ? "" : "ffffffffffffffff",
      start,
      failed,
      attributes: {
        ...usage(BigInt(tokens), 1n),
        ...(session === undefined ? {} : { "session.id": session }),
        ...(user === undefined ? {} : { "user.id": user }),
      },
    })),
  );

/** What traces tell sessions if each is rebuilt after every span that arrives. */
function toldAlong(spans: readonly SpanFields[]): readonly SessionEvent[] {
  return spans.flatMap((span, last) =>
    told(spans.slice(0, last + 1).filter(({ traceId }) => traceId === span.traceId)),
  );
}

describe("sessions of traces", () => {
  it("add up what happened in their traces", () => {
    const first = told([
      {
        traceId: "1".repeat(32),
        spanId: "a",
        start: 50n,
        attributes: { ...usage(100n, 10n), "session.id": "s", "user.id": "ada" },
      },
    ]);
    const second = told([
      {
        traceId: "2".repeat(32),
        spanId: "b",
        start: 10n,
        failed: true,
        attributes: { ...usage(7n, 3n), "session.id": "s", "user.id": "bob" },
      },
    ]);
    expect(sessionOf("s", [...first, ...second])).toMatchObject({
      sessionId: "s",
      traceCount: 2,
      failedTraceCount: 1,
      status: "error",
      spanCount: 2,
      errorCount: 1,
      startTimeUnixNano: "1700000000000000010",
      lastActivityUnixNano: "1700000000000001050",
      usage: { inputTokens: 107, outputTokens: 13, totalTokens: 120 },
      // 107 × 2.50 USD and 13 × 10 USD per million tokens.
      cost: { amount: "0.0003975", currency: "USD", complete: true },
      models: ["gpt-4o"],
      userIds: ["bob", "ada"],
      traces: [{ traceId: "1".repeat(32) }, { traceId: "2".repeat(32) }],
      cuts: {},
    });
  });

  it("lose a trace whose root arrives last and names another", () => {
    const child = {
      traceId: "1".repeat(32),
      spanId: "b",
      parentSpanId: "a",
      start: 1n,
      attributes: { "session.id": "child's" },
    };
    const root = { traceId: "1".repeat(32), spanId: "a", attributes: { "session.id": "root's" } };
    const before = told([child]);
    expect(sessionOf("child's", before).traceCount).toBe(1);
    const after = told([child, root]);
    for (const events of [
      [...before, ...after],
      [...after, ...before],
    ]) {
      expect(sessionOf("child's", events)).toMatchObject({ traceCount: 0, traces: [], cost: null });
      expect(sessionOf("root's", events).traceCount).toBe(1);
    }
  });

  it("count what one generation of trace projections says", () => {
    const span = { traceId: "1".repeat(32), spanId: "a", attributes: { "session.id": "s" } };
    const events = [...told([span], 1), ...told([{ ...span, failed: true }], 2)];
    expect(sessionOf("s", events, 1)).toMatchObject({ traceCount: 1, status: "unset" });
    expect(sessionOf("s", events, 2)).toMatchObject({ traceCount: 1, status: "error" });
    expect(sessionOf("s", events, 3).traceCount).toBe(0);
  });

  it("are those of the final projections, whatever was told on the way, in any order and number", () => {
    fc.assert(
      fc.property(history, arrivalArbitrary(), (spans, arrival) => {
        const events = arrival.batchesOf(toldAlong(spans)).flat();
        const final = [...new Set(spans.map(({ traceId }) => traceId))].map((id) =>
          traceRecord(spans.flatMap((span, index) => (span.traceId === id ? [spanEvent(span, index)] : []))),
        );
        for (const sessionId of new Set(events.map(({ aggregateId }) => aggregateId))) {
          const members = final.filter(({ projection }) => projection.sessionId === sessionId);
          const session = sessionOf(sessionId, events);
          expect(session.traces.map(({ traceId }) => traceId).sort()).toEqual(
            members.map(({ aggregateId }) => aggregateId).sort(),
          );
          expect(session.usage.totalTokens).toBe(
            members.reduce((sum, { projection }) => sum + projection.usage.totalTokens, 0),
          );
        }
        // No trace is part of a session that was never told so.
        for (const { projection } of final) {
          if (projection.sessionId === null) continue;
          expect(events.some(({ aggregateId }) => aggregateId === projection.sessionId)).toBe(true);
        }
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  it("are a pure function of the set of what they were told", () => {
    checkOrderFree({
      handler: () => new SessionProjectionEventHandler({ limits: { traces: 2, distinct: 1 } }),
      events: history
        .map((spans) =>
          toldAlong(spans)
            .filter(({ aggregateId }) => aggregateId === "a")
            .map((event, index) => ({ ...event, acceptedAt: BigInt(index) })),
        )
        .filter((events) => events.length > 0),
    });
  });

  it("that grow are those of all they were told, byte by byte, after every batch", () => {
    const handler = new SessionProjectionEventHandler({ limits: { traces: 2, distinct: 1 } });
    fc.assert(
      fc.property(history, arrivalArbitrary(), (spans, arrival) => {
        // The other generation tells of the same traces, and does not count.
        const events = [...toldAlong(spans), ...told(spans.slice(0, 1), 2)];
        for (const sessionId of new Set(events.map(({ aggregateId }) => aggregateId))) {
          const fold = handler.startFold(sessionId);
          const seen: SessionEvent[] = [];
          for (const batch of arrival.batchesOf(events)) {
            const added = batch.filter(({ aggregateId }) => aggregateId === sessionId);
            seen.push(...added);
            fold.add(added);
            const grown = canonicalJson(fold.project().projection);
            expect(grown).toBe(canonicalJson(handler.handle(createEventStream(sessionId, seen))));
            fold.release();
          }
        }
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  it("say what they cut, and count all of it", () => {
    const events = Array.from({ length: 5 }, (_, i) =>
      told([
        {
          traceId: String(i).repeat(32),
          spanId: "a",
          start: BigInt(i),
          attributes: { "session.id": "s", "user.id": `user ${i}` },
        },
      ]),
    ).flat();
    const handler = new SessionProjectionEventHandler({ limits: { traces: 2, distinct: 3 } });
    const session = handler.handle(createEventStream("s", events));
    expect(session).toMatchObject({
      traceCount: 5,
      traces: [{ traceId: "4".repeat(32) }, { traceId: "3".repeat(32) }],
      userIds: ["user 0", "user 1", "user 2"],
      cuts: { traces: { kept: 2, total: 5 }, userIds: { kept: 3, total: 5 } },
    });
    expect(canonicalJson(session)).toBe(canonicalJson(JSON.parse(canonicalJson(session))));
  });
});

describe("sessionEventsOf", () => {
  it("tells nothing of a trace that names no session", () => {
    expect(told([{ traceId: "1".repeat(32), spanId: "a" }])).toEqual([]);
  });

  it("gives what is told again the same identity", () => {
    const span = { traceId: "1".repeat(32), spanId: "a", attributes: { "session.id": "s" } };
    expect(told([span]).map(({ id }) => id)).toEqual(told([span]).map(({ id }) => id));
  });

  it("keeps ids of 8 192 characters, and leaves out longer ones, which the trace flags as cut", () => {
    const named = (sessionId: string) =>
      traceRecord([
        spanEvent({ traceId: "1".repeat(32), spanId: "a", attributes: { "session.id": sessionId } }, 0),
      ]).projection;
    expect(sessionIdsOf(named("x".repeat(8_192)))).toEqual(["x".repeat(8_192)]);
    const cut = named("x".repeat(10_000));
    expect(sessionIdsOf(cut)).toEqual([]);
    expect(cut.flags.cuts).toHaveProperty("sessionId", { kept: 8_192, total: 10_000 });
  });
});
