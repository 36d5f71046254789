import type { EventFold, EventHandler, EventStream } from "@es/core";
import { buildTraceProjection } from "./buildTraceProjection.js";
import { type ContentLimits, defaultContentLimits } from "./content/contentLimits.js";
import type { SpanEvent } from "./spanEvent.js";
import { TraceFold } from "./traceFold.js";
import type { TraceProjection } from "./traceProjection.js";

/** Raised whenever the same spans give another projection. */
export const TRACE_PROJECTION_VERSION = 1;

export interface TraceProjectionOptions {
  /** How much content is kept, over {@link defaultContentLimits}. */
  readonly limits?: Partial<ContentLimits>;
  /**
   * Raise it by a number of your own when you change the limits, so that projections made with the old ones are
   * replaced. @default {@link TRACE_PROJECTION_VERSION}
   */
  readonly version?: number;
}

export class TraceProjectionEventHandler implements EventHandler<string, SpanEvent, TraceProjection> {
  readonly version: number;
  readonly #limits: ContentLimits;

  constructor(options: TraceProjectionOptions = {}) {
    this.version = options.version ?? TRACE_PROJECTION_VERSION;
    this.#limits = { ...defaultContentLimits, ...options.limits };
  }

  handle(stream: EventStream<string, SpanEvent>): TraceProjection {
    return buildTraceProjection(stream, this.#limits);
  }

  startFold(traceId: string): EventFold<SpanEvent, TraceProjection> {
    return new TraceFold(traceId, this.#limits);
  }
}

/**
 * The handlers of this release, oldest first: those whose generation is live are run. When the same spans give another
 * projection than before, the new handler is added with a version of its own, and the old one stays as it is for as long
 * as it may serve.
 */
export const traceProjectionHandlers: readonly TraceProjectionEventHandler[] = [
  new TraceProjectionEventHandler(),
];
