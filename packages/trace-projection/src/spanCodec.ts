import type { EventCodec } from "@es/core";
import type { SpanEvent } from "./spanEvent.js";

/**
 * Keeps spans in a store of events that otherwise takes JSON, such as `new EventStoreMemory({ codec: spanCodec })`: with
 * int64 values, bytes and maps, as the span table of a database does.
 */
export const spanCodec: EventCodec<SpanEvent, SpanEvent> = {
  // An event's metadata is not kept, as in the table.
  encode: ({ metadata: _, ...event }) => structuredClone(event),
  decode: (event) => structuredClone(event),
};
