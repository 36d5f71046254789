import { createEventStream } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import type { OtlpSpan } from "@es/otlp";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contradictionsOf } from "../test/contradictions.js";
import { defaultContentLimits } from "./content/contentLimits.js";
import { noOwnPrices } from "./cost/ownPrices.js";
import { buildSpan, type PlainValue } from "./demo/spanBuilder.js";
import { explain } from "./explain/explain.js";
import { createSpanEvent } from "./spanEvent.js";
import { TraceFold } from "./traceFold.js";
import type { TraceProjection } from "./traceProjection.js";
import { TraceProjectionEventHandler } from "./traceProjectionEventHandler.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const start = 1_780_000_000_000_000_000n;
const note = "[nested too deeply]";

function span(n: number, attributes: Readonly<Record<string, PlainValue>>, failed = false): OtlpSpan {
  const spanId = String(n).padStart(16, "0");
  const parent = n === 1 ? {} : { parentSpanId: "1".padStart(16, "0") };
  const end = start + BigInt(n) + 1n;
  const status = failed ? { status: { code: 2 as const, message: "" } } : {};
  return buildSpan({
    name: "s",
    traceId,
    spanId,
    ...parent,
    start: start + BigInt(n),
    end,
    attributes,
    ...status,
  });
}

/** The same from all spans at once, and from a fold that let go of each before the next came. */
function project(...spans: readonly OtlpSpan[]): TraceProjection {
  const handler = new TraceProjectionEventHandler();
  const events = spans.map((item) => createSpanEvent(item, 1n));
  const stream = createEventStream(traceId, events);
  const whole = handler.handle(stream);
  const fold = new TraceFold(traceId, defaultContentLimits, noOwnPrices);
  let folded: TraceProjection | undefined;
  for (const event of events) {
    fold.add([event]);
    for (let step = fold.project(); ; step = fold.project()) {
      if (step.done) {
        folded = step.projection;
        break;
      }
      fold.recall(events.filter(({ id }) => step.needs.includes(id)));
    }
    fold.release();
  }
  expect(canonicalJson(folded)).toBe(canonicalJson(whole));
  const all = { candidates: 1_000, valueCharacters: Number.MAX_SAFE_INTEGER };
  expect(contradictionsOf(explain(stream, all), whole)).toEqual([]);
  return whole;
}

/** `levels` lists, each in the one before, with `inner` in the last. */
function nest(levels: number, inner: PlainValue = 1): PlainValue {
  let value = inner;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

describe("values nested too deeply", () => {
  it("are counted in message lists, whatever texts read as their note does", () => {
    const part = fc.oneof(fc.constant(note), fc.integer({ min: 58, max: 66 }));
    fc.assert(
      fc.property(
        fc.array(fc.array(part, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
        (parts) => {
          const messages = parts.map((items) => ({
            role: "user",
            content: items.map((item) => (typeof item === "string" ? item : nest(item))),
          }));
          const p = project(span(1, { "gen_ai.input.messages": JSON.stringify(messages) }));
          // The content of a message is the third level.
          const total = parts.flat().filter((item) => typeof item === "number" && item > 64 - 3).length;
          expect(p.truncated).toBe(total > 0);
          expect(p.flags.cuts).toEqual(total === 0 ? {} : { "nested.input": { kept: 0, total } });
          const kept = parts.map((items) => ({
            role: "user",
            content: items.map((item) =>
              typeof item === "string" ? item : item > 64 - 3 ? nest(64 - 3, note) : nest(item),
            ),
          }));
          expect(p.input?.messages).toEqual(kept);
        },
      ),
      { numRuns: 200, seed: 20_261 },
    );
  });

  it("are counted in texts made of structured values", () => {
    const p = project(span(1, { "output.value": [nest(64), nest(70), note, nest(3)] }));
    expect(p.flags.cuts).toEqual({ "nested.output": { kept: 0, total: 2 } });
    expect(p.output?.text).toContain(note);
    expect(project(span(1, { "output.value": [nest(62), note] })).truncated).toBe(false);
  });

  it("are not counted where the text is kept as it was sent", () => {
    const text = JSON.stringify(nest(100));
    const p = project(span(1, { "input.value": text }));
    expect([p.input?.text, p.truncated, p.flags.cuts]).toEqual([text, false, {}]);
  });

  it("are counted in metadata, tags and the message of an error, each under its field", () => {
    const p = project(
      span(
        1,
        {
          metadata: JSON.stringify({ deep: [nest(70), nest(70)], own: [note], flat: 1 }),
          "langfuse.trace.metadata.raw": nest(65),
          "tag.tags": ["plain", nest(64), note],
          "exception.message": [nest(64), "oops"],
        },
        true,
      ),
    );
    expect(p.flags.cuts).toEqual({
      "nested.firstError.message": { kept: 0, total: 1 },
      "nested.metadata.deep": { kept: 0, total: 2 },
      "nested.metadata.raw": { kept: 0, total: 1 },
      "nested.tags[1]": { kept: 0, total: 1 },
    });
    expect(p.metadata).toMatchObject({ own: [note], flat: 1 });
    expect(JSON.stringify(p.metadata.deep)).toContain(note);
  });

  it("are told from the same text in another span, whichever came first", () => {
    const real = { metadata: JSON.stringify({ a: nest(70) }) };
    const text = { metadata: JSON.stringify({ b: nest(63, note) }) };
    for (const [first, second] of [
      [real, text],
      [text, real],
    ] as const) {
      const p = project(span(1, {}), span(2, first), span(3, second));
      expect(p.flags.cuts).toEqual({ "nested.metadata.a": { kept: 0, total: 1 } });
    }
    const same = project(
      span(1, {}),
      span(2, { metadata: JSON.stringify({ a: nest(63, note) }) }),
      span(3, { metadata: JSON.stringify({ a: nest(70) }) }),
    );
    expect(same.flags.cuts).toEqual({});
  });
});
