import {
  buildProjectionMetadata,
  createEventStream,
  type EventStream,
  makeProjectionVersion,
} from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import { arrivalArbitrary } from "@es/testkit";
import fc from "fast-check";
import { expect, it } from "vitest";
import { anySpanEvents, traceId } from "../test/spanArbitraries.js";
import type { SpanEvent } from "./spanEvent.js";
import { TraceProjectionEventHandler } from "./traceProjectionEventHandler.js";

/** More for a long look: `ORDER_FREE_SETS=100000 npm test -- orderFree`. */
const SETS = Number(process.env.ORDER_FREE_SETS ?? 10_000);
const ARRIVALS = 5;

/** Everything of a projection's row, as bytes. */
function rowOf(handler: TraceProjectionEventHandler, events: readonly SpanEvent[]): string {
  const stream: EventStream<string, SpanEvent> = createEventStream(traceId, events);
  const version = makeProjectionVersion({
    eventCount: stream.metadata.count,
    acceptedSum: stream.metadata.acceptedSum,
    handlerVersion: handler.version,
    revision: 0,
  });
  return canonicalJson([String(version), handler.handle(stream), buildProjectionMetadata(stream)]);
}

it(`gives byte-identical rows for ${SETS} sets of spans in ${ARRIVALS} arrivals each`, {
  timeout: 600_000,
}, () => {
  const handler = new TraceProjectionEventHandler();
  const arrivals = fc.array(arrivalArbitrary(), { minLength: ARRIVALS, maxLength: ARRIVALS });
  fc.assert(
    fc.property(anySpanEvents, arrivals, (events, ways) => {
      const expected = rowOf(handler, events);
      for (const [i, arrival] of ways.entries()) {
        // A rebuild in between, as in life, must leave nothing behind.
        const batches = arrival.batchesOf(events);
        if (i === 0 && batches.length > 1) rowOf(handler, batches.slice(0, -1).flat());
        const got = rowOf(handler, batches.flat());
        if (got !== expected) expect(got).toBe(expected);
      }
    }),
    { numRuns: SETS, seed: 20_250 },
  );
});
