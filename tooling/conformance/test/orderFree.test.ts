import { checkOrderFree } from "@es/testkit";
import type { SpanEvent, TraceProjection } from "@es/trace-projection";
import { TraceProjectionEventHandler } from "@es/trace-projection";
import fc from "fast-check";
import { it } from "vitest";
import { recordedFixtures, tracesOf } from "../src/fixture.js";
import { handMadeFixtures } from "../src/handMade.js";
import { eventsOf } from "../src/project.js";

const fixtures = [...recordedFixtures(), ...handMadeFixtures()];

it.each(fixtures)("gives one projection however the spans of $id arrive", (fixture) => {
  for (const spans of tracesOf(fixture)) {
    checkOrderFree<SpanEvent, TraceProjection>({
      handler: () => new TraceProjectionEventHandler(),
      events: fc.constant(eventsOf(spans)),
      numRuns: 10,
    });
  }
});
