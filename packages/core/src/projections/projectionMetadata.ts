import type { Event } from "../events/event.js";
import type { EventStream } from "../streams/eventStream.js";

/** Stored beside a projection; a pure function of the events unless a hook adds to it. JSON values only. */
export interface ProjectionMetadata {
  readonly eventCount: number;
  /** Unix nanoseconds as a decimal string; `null` without events. */
  readonly firstEventTimestamp: string | null;
  /** Unix nanoseconds as a decimal string; `null` without events. */
  readonly lastEventTimestamp: string | null;
  readonly [key: string]: unknown;
}

export function buildProjectionMetadata(stream: EventStream<string, Event>): ProjectionMetadata {
  const { count, firstTimestamp, lastTimestamp } = stream.metadata;
  return {
    eventCount: count,
    firstEventTimestamp: firstTimestamp === null ? null : String(firstTimestamp),
    lastEventTimestamp: lastTimestamp === null ? null : String(lastTimestamp),
  };
}
