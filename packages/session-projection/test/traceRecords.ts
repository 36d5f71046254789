import { createEventStream, makeProjectionVersion, type ProjectionRecord } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import {
  createSpanEvent,
  type SpanEvent,
  type TraceProjection,
  TraceProjectionEventHandler,
} from "@es/trace-projection";

export interface SpanFields {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  /** Nanoseconds after some instant. */
  readonly start?: bigint;
  readonly failed?: boolean;
  readonly attributes?: Readonly<Record<string, string | bigint>>;
}

const EPOCH = 1_700_000_000_000_000_000n;

/** The n-th accepted. */
export function spanEvent(fields: SpanFields, accepted: number): SpanEvent {
  const start = EPOCH + (fields.start ?? 0n);
  const span: OtlpSpan = {
    traceId: fields.traceId,
    spanId: fields.spanId,
    parentSpanId: fields.parentSpanId ?? "",
    traceState: "",
    flags: 0,
    name: `span ${fields.spanId}`,
    kind: 1,
    startTimeUnixNano: start,
    endTimeUnixNano: start + 1_000n,
    attributes: new Map(Object.entries(fields.attributes ?? {})),
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: { code: fields.failed === true ? 2 : 0, message: "" },
    resource: { attributes: new Map(), droppedAttributesCount: 0, schemaUrl: "" },
    scope: { name: "test", version: "", attributes: new Map(), droppedAttributesCount: 0, schemaUrl: "" },
  };
  return createSpanEvent(span, EPOCH + BigInt(accepted));
}

/** The trace's projection as a service with that handler version would store it. */
export function traceRecord(
  events: readonly SpanEvent[],
  generation = 1,
): ProjectionRecord<string, TraceProjection> {
  const traceId = events[0]?.aggregateId ?? "";
  const stream = createEventStream(traceId, events);
  const { count, acceptedSum } = stream.metadata;
  return {
    aggregateId: traceId,
    version: makeProjectionVersion({
      eventCount: count,
      acceptedSum,
      handlerVersion: generation,
      revision: 0,
    }),
    projection: new TraceProjectionEventHandler({ version: generation }).handle(stream),
    metadata: { eventCount: count, firstEventTimestamp: null, lastEventTimestamp: null },
  };
}
