import { createEventStream } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import type { Attributes, AttributeValue, OtlpSpan } from "@es/otlp";
import { arrivalArbitrary } from "@es/testkit";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { anySpanEvents, traceId } from "../test/spanArbitraries.js";
import { defaultContentLimits } from "./content/contentLimits.js";
import { rules } from "./conventions/conventions.js";
import { noOwnPrices } from "./cost/ownPrices.js";
import { demoTraces } from "./demo/demoTraces.js";
import { buildSpan } from "./demo/spanBuilder.js";
import { createSpanEvent, type SpanEvent } from "./spanEvent.js";
import { MOST_STEPS_UP } from "./spans/ancestors.js";
import { TraceFold, type TraceFoldTuning } from "./traceFold.js";
import type { TraceProjection } from "./traceProjection.js";
import { TraceProjectionEventHandler } from "./traceProjectionEventHandler.js";

/** More for a long look: `TRACE_FOLD_SETS=100000 npm test -- traceFold`. */
const SETS = Number(process.env.TRACE_FOLD_SETS ?? 1_000);

const handler = new TraceProjectionEventHandler();

/** What is stored, and what a fold asked to see again of it. */
class Trace {
  readonly #stored = new Map<string, SpanEvent>();
  readonly fold: TraceFold;
  recalls = 0;

  constructor(tuning?: TraceFoldTuning) {
    this.fold = new TraceFold(traceId, defaultContentLimits, noOwnPrices, tuning);
  }

  add(events: readonly SpanEvent[]): void {
    const changed = new Map<string, SpanEvent>();
    for (const event of events) {
      const before = this.#stored.get(event.id);
      // Of equal stamps either may stay.
      if (before !== undefined && before.acceptedAt >= event.acceptedAt) continue;
      this.#stored.set(event.id, event);
      changed.set(event.id, event);
    }
    this.fold.add([...changed.values()]);
  }

  project(): TraceProjection {
    for (;;) {
      const step = this.fold.project();
      if (step.done) return step.projection;
      this.recalls++;
      expect(step.needs.length).toBeGreaterThan(0);
      this.fold.recall(step.needs.map((id) => this.#stored.get(id) as SpanEvent));
    }
  }

  /** From everything at once. */
  whole(): TraceProjection {
    return handler.handle(createEventStream(traceId, [...this.#stored.values()]));
  }

  expectEqual(): void {
    const got = canonicalJson(this.project());
    const expected = canonicalJson(this.whole());
    if (got !== expected) expect(JSON.parse(got)).toEqual(JSON.parse(expected));
    expect(got).toBe(expected);
  }
}

describe("a trace that is folded from what changed", () => {
  it(`has the projection of the whole, byte by byte, for ${SETS} sets of spans`, { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(
        anySpanEvents,
        arrivalArbitrary(),
        fc.array(fc.constantFrom("project", "release", "both", "none"), { maxLength: 40 }),
        fc.constantFrom(1, 3, 256),
        fc.constantFrom(1 / 8, Number.MAX_VALUE),
        fc.boolean(),
        (events, arrival, steps, runLength, many, isPlain) => {
          const trace = new Trace({ runLength, many });
          for (const [i, batch] of arrival.batchesOf(isPlain ? toPlain(events) : events).entries()) {
            trace.add(batch);
            const step = steps[i] ?? "both";
            if (step === "project" || step === "both") trace.expectEqual();
            if (step === "release" || step === "both") trace.fold.release();
          }
          trace.expectEqual();
        },
      ),
      { numRuns: SETS, seed: 20_261 },
    );
  });

  it.each(demoTraces({ now: 1_790_000_000_000_000_000n }))(
    "has the projection of the whole span by span, first to last and last to first: $name",
    ({ batches }) => {
      const spans = batches.flat();
      for (const order of [spans, spans.toReversed()]) {
        const trace = new Trace({ runLength: 8 });
        // Of large ones the later spans come by the hundred.
        const single = order.slice(0, 100).map((span) => [span]);
        const rest = Array.from({ length: Math.ceil(order.length / 100) - 1 }, (_, i) =>
          order.slice((i + 1) * 100, (i + 2) * 100),
        );
        for (const batch of [...single, ...rest]) {
          trace.add(batch.map((span) => createSpanEvent({ ...span, traceId }, BigInt(order.indexOf(span)))));
          trace.expectEqual();
          trace.fold.release();
        }
        trace.expectEqual();
      }
    },
  );

  it("has the projection of the whole of pairs of equal calls below chains, with cycles and missing parents", () => {
    const shape = fc.record({
      back: fc.integer({ min: 1, max: 3 }),
      parent: fc.constantFrom("chain", "chain", "chain", "missing", "later", "none"),
      scopes: fc.array(fc.constantFrom("one", "other", "third"), { maxLength: 3 }),
      tokens: fc.constantFrom(0n, 5n, 7n),
      reports: fc.boolean(),
      at: fc.nat({ max: 3 }),
    });
    const usageOfCall = (tokens: bigint, reports: boolean): Attributes =>
      new Map<string, AttributeValue>([
        ["gen_ai.operation.name", "chat"],
        ["gen_ai.request.model", "gpt-4o"],
        ["gen_ai.usage.input_tokens", tokens],
        ["gen_ai.usage.output_tokens", 2n],
        ...(reports ? ([["llm.cost.total", 0.25]] as const) : []),
      ]);
    fc.assert(
      fc.property(
        fc.array(shape, { minLength: 1, maxLength: 30 }),
        arrivalArbitrary(),
        fc.constantFrom(1, 3, 256),
        fc.boolean(),
        (shapes, arrival, runLength, mayReport) => {
          const idOf = (index: number) => (index + 1).toString(16).padStart(16, "0");
          const spans = shapes.flatMap(({ back, parent, scopes, tokens, reports, at: start }, index) => {
            const above = { chain: Math.max(0, index - back), missing: 1_000, later: index + 1, none: -1 };
            const span = {
              ...at(BigInt(start + 1), "question"),
              spanId: idOf(index),
              parentSpanId: above[parent] === -1 || index === 0 ? "" : idOf(above[parent]),
              attributes: new Map<string, AttributeValue>([["tag.tags", [`tag ${index}`]]]),
            };
            const calls = scopes.map((name, place) => ({
              ...span,
              spanId: idOf(10_000 + 10 * index + place),
              parentSpanId: span.spanId,
              scope: { ...span.scope, name },
              endTimeUnixNano: span.startTimeUnixNano + 1_000n,
              attributes: usageOfCall(tokens, reports && mayReport),
            }));
            return [span, ...calls];
          });
          const trace = new Trace({ runLength });
          const events = spans.map((span, index) => createSpanEvent(span, BigInt(index + 1)));
          for (const batch of arrival.batchesOf(events)) {
            trace.add(batch);
            trace.expectEqual();
            trace.fold.release();
          }
          trace.expectEqual();
        },
      ),
      { numRuns: Math.ceil(SETS / 10), seed: 20_262 },
    );
  });

  it("has the projection of the whole after a cycle that was there is none any more", () => {
    const trace = new Trace({ runLength: 2 });
    const spans = [1n, 2n, 3n].map((start) => at(start, `question ${start}`));
    const below = (span: OtlpSpan, parent: OtlpSpan | undefined, accepted: bigint) =>
      createSpanEvent({ ...span, parentSpanId: parent?.spanId ?? "" }, accepted);
    const [one, two, three] = spans as [OtlpSpan, OtlpSpan, OtlpSpan];
    trace.add([below(one, three, 1n), below(two, one, 2n), below(three, two, 3n)]);
    trace.expectEqual();
    expect(trace.project().flags.cyclicSpans).toBe(3);
    trace.fold.release();
    trace.add([below(three, undefined, 4n)]);
    trace.expectEqual();
    expect(trace.project().flags.cyclicSpans).toBe(0);
  });

  it("takes steps by what is new where it counts runs, and by its spans where it counts the tree", () => {
    const stepsOfOneMore = (count: number, kind: "plain" | "twins") => {
      const trace = new Trace();
      const scopeOf = (i: number) => (kind === "plain" || i % 2 === 0 ? "one" : "other");
      const calls = callsBelowRoot(count).map(({ data, acceptedAt }, i) =>
        createSpanEvent({ ...data, scope: { ...data.scope, name: scopeOf(i) } }, acceptedAt),
      );
      const last = calls.pop() as SpanEvent;
      trace.add(calls);
      trace.project();
      trace.fold.release();
      let steps = 0;
      for (const work of [
        () => trace.fold.addInSteps([last]),
        () => trace.fold.projectInSteps(),
        () => trace.fold.releaseInSteps(),
      ]) {
        for (const _ of work()) steps++;
      }
      return steps;
    };
    // A few for each run of 256.
    expect(stepsOfOneMore(4_000, "plain")).toBeLessThan(4_000 / 10);
    const [once, twice] = [stepsOfOneMore(2_000, "twins"), stepsOfOneMore(4_000, "twins")];
    expect(twice).toBeLessThan(2.5 * once);
    expect(twice).toBeGreaterThan(4_000 / 500);
  });

  it("is projected again without anything new", () => {
    const trace = new Trace();
    trace.add(callsBelowRoot(20));
    trace.expectEqual();
    trace.fold.release();
    trace.expectEqual();
  });

  it("reads nothing again while an agent's calls come in, its root last", () => {
    const trace = new Trace();
    const [root, ...calls] = callsBelowRoot(200);
    for (const call of calls) {
      trace.add([call]);
      trace.expectEqual();
      trace.fold.release();
    }
    trace.add([root as SpanEvent]);
    trace.expectEqual();
    expect(trace.recalls).toBe(0);
  });

  it("reads the content of the trace once, however many spans come after", () => {
    const trace = new Trace();
    const [root, ...calls] = callsBelowRoot(20);
    const question = JSON.stringify([{ role: "user", content: "word ".repeat(100_000) }]);
    const { data } = root as SpanEvent;
    trace.add([createSpanEvent({ ...data, attributes: new Map([["input.value", question]]) }, 1n)]);
    trace.expectEqual();
    trace.fold.release();
    const held = trace.fold.release();
    const parse = vi.spyOn(JSON, "parse");
    for (const call of calls) {
      trace.add([call]);
      trace.project();
      trace.fold.release();
    }
    expect(parse.mock.calls.filter(([text]) => text === question)).toEqual([]);
    parse.mockRestore();
    trace.expectEqual();
    expect(trace.project().input?.messages).toHaveLength(1);
    // What is kept of it within the limits counts.
    expect(held).toBeGreaterThan(question.length + defaultContentLimits.messagesCharacters);
  });

  it("asks for spans again that come to give the content, and for no others", () => {
    const trace = new Trace();
    const [early, late] = [at(10n, "early"), at(20n, "late")];
    trace.add([createSpanEvent(late, 1n)]);
    trace.expectEqual();
    trace.add([createSpanEvent(early, 2n)]);
    trace.expectEqual();
    trace.fold.release();
    // Sent again without what the input was taken from: now the later span, whose data is gone, gives it.
    trace.add([createSpanEvent({ ...early, attributes: new Map() }, 3n)]);
    trace.expectEqual();
    expect(trace.recalls).toBe(1);
    expect(trace.project().input?.text).toBe("late");
  });

  it("takes another span for the first without a parent when the parent of the one before arrives", () => {
    const trace = new Trace({ runLength: 1, many: Number.MAX_VALUE });
    const orphan = (start: bigint, parentSpanId: string, spanId?: string) => {
      // Usage would have it read anew as well.
      const span = { ...at(start, ""), attributes: new Map() };
      return createSpanEvent({ ...span, parentSpanId, spanId: spanId ?? span.spanId }, start);
    };
    const lateId = "00000000000000aa";
    trace.add([orphan(5n, lateId), orphan(8n, "00000000000000bb")]);
    trace.expectEqual();
    trace.fold.release();
    trace.add([orphan(10n, "00000000000000cc", lateId)]);
    trace.expectEqual();
    expect(trace.project().rootSpanId).toBe(at(8n, "").spanId);
  });

  it("has the projection of the whole of a chain that is deeper than it goes up", () => {
    const chain = Array.from({ length: 3 * MOST_STEPS_UP }, (_, depth) => {
      const span = at(BigInt(depth + 1), `question ${depth}`);
      const parentSpanId = depth === 0 ? "" : at(BigInt(depth), "").spanId;
      // Without usage nothing is counted upwards that would tell how deep it is.
      return createSpanEvent({ ...span, parentSpanId, attributes: new Map() }, BigInt(depth + 1));
    });
    for (const order of [chain, chain.toReversed()]) {
      const trace = new Trace({ many: Number.MAX_VALUE });
      for (let from = 0; from < order.length; from += 700) {
        trace.add(order.slice(from, from + 700));
        trace.expectEqual();
        trace.fold.release();
      }
    }
    const first = chain[0] as SpanEvent;
    const last = chain.at(-1) as SpanEvent;
    const cycle = [...chain.slice(1), createSpanEvent({ ...first.data, parentSpanId: last.data.spanId }, 1n)];
    const trace = new Trace({ many: Number.MAX_VALUE });
    for (const batch of [cycle.slice(0, 700), cycle.slice(700, -1), cycle.slice(-1)]) trace.add(batch);
    trace.expectEqual();
    expect(trace.project().flags.cyclicSpans).toBe(chain.length);
  });

  it("holds little of large spans once they are released, and says how much", () => {
    const trace = new Trace();
    trace.add(
      Array.from({ length: 100 }, (_, i) =>
        createSpanEvent(at(BigInt(i + 1), `${i} ${"x".repeat(100_000)}`), BigInt(i)),
      ),
    );
    trace.project();
    expect(trace.fold.release()).toBeLessThan(1_000_000);
    const tagged = new Trace();
    tagged.add(
      Array.from({ length: 100 }, (_, i) => {
        const attributes = new Map([["metadata", JSON.stringify({ [`key-${i}`]: "x".repeat(50_000) })]]);
        return createSpanEvent({ ...at(BigInt(i + 1), ""), attributes }, BigInt(i));
      }),
    );
    tagged.project();
    // What it has to keep, it says.
    expect(tagged.fold.release()).toBeGreaterThan(5_000_000);
    const named = new Trace();
    named.add(
      Array.from({ length: 100 }, (_, i) => {
        const attributes = new Map([["gen_ai.response.model", `${i} ${"x".repeat(50_000)}`]]);
        return createSpanEvent({ ...at(BigInt(i + 1), ""), attributes }, BigInt(i));
      }),
    );
    named.project();
    expect(named.fold.release()).toBeGreaterThan(5_000_000);
    // Also of the data of spans that it keeps whole, for as long as it does.
    const speaking = new Trace();
    const question = "x".repeat(5_000_000);
    speaking.add([createSpanEvent(at(1n, question), 1n), createSpanEvent(at(2n, "?"), 2n)]);
    speaking.project();
    expect(speaking.fold.release()).toBeGreaterThan(5_000_000);
    speaking.add([createSpanEvent(at(1n, "!"), 3n)]);
    speaking.project();
    expect(speaking.fold.release()).toBeLessThan(20_000);
  });
});

/** As one instrumentation without costs tells it: such traces are counted span by span. */
function toPlain(events: readonly SpanEvent[]): readonly SpanEvent[] {
  const costKeys = new Set(rules.cost.flatMap(({ keys }) => keys));
  return events.map((event) => {
    const attributes = new Map([...event.data.attributes].filter(([key]) => !costKeys.has(key)));
    return {
      ...event,
      data: { ...event.data, attributes, scope: events[0]?.data.scope ?? event.data.scope },
    };
  });
}

/** A root of 10 ns and calls of a model below it that report usage. */
function callsBelowRoot(count: number): readonly SpanEvent[] {
  const rootId = "00000000000000ff";
  const root = buildSpan({ traceId, spanId: rootId, name: "agent", start: 1n, end: 1_000_000n });
  const calls = Array.from({ length: count }, (_, i) => ({
    ...at(BigInt(i + 2), `question ${i}`),
    parentSpanId: rootId,
  }));
  return [root, ...calls].map((span, i) => createSpanEvent(span, BigInt(i + 1)));
}

function at(start: bigint, question: string): OtlpSpan {
  return buildSpan({
    traceId,
    spanId: (start + 4_096n).toString(16).padStart(16, "0"),
    name: "chat gpt-4o",
    start,
    end: start + 5n,
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.response.model": "gpt-4o",
      "gen_ai.input.messages": JSON.stringify([
        { role: "user", parts: [{ type: "text", content: question }] },
      ]),
      "gen_ai.usage.input_tokens": 9,
      "gen_ai.usage.output_tokens": Number(start),
    },
  });
}
