import {
  buildProjectionMetadata,
  type Event,
  type EventStream,
  makeProjectionVersion,
  type ProjectionRecord,
} from "@es/core";
import { SessionProjectionEventHandler } from "@es/session-projection";
import { TraceProjectionEventHandler } from "@es/trace-projection";

export const traceHandler = new TraceProjectionEventHandler();
/** Counts what the handler of traces says. */
export const sessionHandler = new SessionProjectionEventHandler({ generation: traceHandler.version });

interface PlainHandler<TEvent extends Event, TProjection> {
  readonly version: number;
  handle(stream: EventStream<string, TEvent>): TProjection;
}

/** What the service makes of a stream, for contenders that do without the service. */
export function recordOf<TEvent extends Event, TProjection>(
  handler: PlainHandler<TEvent, TProjection>,
  stream: EventStream<string, TEvent>,
): ProjectionRecord<string, TProjection> {
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
