import {
  buildProjectionMetadata,
  canonicalJson,
  createEventStream,
  type EventStream,
  makeProjectionVersion,
} from "@es/core";
import { arrivalArbitrary } from "@es/testkit";
import fc from "fast-check";
import { expect, it } from "vitest";
import { anyOddTrace, anyTrace, traceId } from "../test/spanArbitraries.js";
import { createSpanEvent, type SpanEvent } from "./spanEvent.js";
import { TraceProjectionEventHandler } from "./traceProjectionEventHandler.js";

/** More for a long look: `ORDER_FREE_SETS=100000 npm test -- orderFree`. */
const SETS = Number(process.env.ORDER_FREE_SETS ?? 10_000);
const ARRIVALS = 5;

/** What ingest stamps: hardly ever in the order of the spans' own times, and sometimes the same for two spans. */
const acceptedAt = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 0xffff_ffff })).map(BigInt);

/** The events of a trace, some of whose spans were sent again later with other content, as a retried export may. */
const spanSet: fc.Arbitrary<readonly SpanEvent[]> = fc
  .oneof({ weight: 3, arbitrary: anyTrace }, { weight: 1, arbitrary: anyOddTrace })
  .chain((spans) =>
    fc
      .tuple(
        fc.array(acceptedAt, { minLength: spans.length, maxLength: spans.length }),
        fc.array(fc.tuple(fc.nat({ max: spans.length - 1 }), fc.nat({ max: spans.length - 1 }), acceptedAt), {
          maxLength: 3,
        }),
      )
      .map(([stamps, resent]) => [
        ...spans.map((span, i) => createSpanEvent(span, stamps[i] ?? 0n)),
        ...resent.flatMap(([of, like, later]) => {
          const span = spans[of];
          const content = spans[like];
          if (span === undefined || content === undefined) return [];
          return [createSpanEvent({ ...content, spanId: span.spanId }, later)];
        }),
      ]),
  );

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
    fc.property(spanSet, arrivals, (events, ways) => {
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
