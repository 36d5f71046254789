import {
  buildProjectionMetadata,
  type EventStream,
  makeProjectionVersion,
  type ProjectionRecord,
} from "@es/core";
import { type SpanEvent, type TraceProjection, TraceProjectionEventHandler } from "@es/trace-projection";

const handler = new TraceProjectionEventHandler();

/** What the service makes of a stream, for contenders that do without the service. */
export function recordOf(stream: EventStream<string, SpanEvent>): ProjectionRecord<string, TraceProjection> {
  return {
    aggregateId: stream.aggregateId,
    version: makeProjectionVersion({
      eventCount: stream.metadata.count,
      acceptedSum: stream.metadata.acceptedSum,
      handlerVersion: handler.version,
      revision: 0,
    }),
    projection: handler.handle(stream),
    metadata: buildProjectionMetadata(stream),
  };
}
