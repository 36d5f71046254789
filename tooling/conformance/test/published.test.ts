import { checkOrderFree } from "@es/testkit";
import type { SpanEvent, TraceProjection } from "@es/trace-projection";
import { TraceProjectionEventHandler } from "@es/trace-projection";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventsOf } from "../src/project.js";
import { publishedCases, wrongFields } from "../src/published.js";

const cases = publishedCases();

describe.each(cases)("$id", (published) => {
  it(`is what its emitter says it means: ${published.why}`, () => {
    expect(published.expected.size).toBeGreaterThan(0);
    expect(wrongFields(published)).toEqual({});
  });

  it("gives one projection however its spans arrive", () => {
    checkOrderFree<SpanEvent, TraceProjection>({
      handler: () => new TraceProjectionEventHandler(),
      events: fc.constant(eventsOf(published.spans)),
      numRuns: 10,
    });
  });
});

it("a case that is not met says which field is wrong", () => {
  const [first] = cases;
  if (first === undefined) throw new Error("There is no case.");
  const wrong = {
    ...first,
    expected: new Map<string, unknown>([
      ["name", "no such name"],
      ["input.text", null],
    ]),
  };
  expect(Object.keys(wrongFields(wrong))).toContain("name");
});
