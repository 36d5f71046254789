import type { EventFold, EventHandler, EventStream } from "@es/core";
import { buildTraceProjection } from "./buildTraceProjection.js";
import { type ContentLimits, readContentLimits } from "./content/contentLimits.js";
import { type OwnModelPrices, type OwnPrices, readOwnPrices } from "./cost/ownPrices.js";
import type { SpanEvent } from "./spanEvent.js";
import { TraceFold } from "./traceFold.js";
import type { TraceProjection } from "./traceProjection.js";

/** Raised whenever the same spans give another projection. */
export const TRACE_PROJECTION_VERSION = 1;

export interface TraceProjectionOptions {
  /** How much content is kept, over {@link defaultContentLimits}. */
  readonly limits?: Partial<ContentLimits>;
  /** Prices that come before those of the price table. @default none */
  readonly prices?: readonly OwnModelPrices[];
  /**
   * Raise it by a number of your own when you change the limits or prices, so that projections made with the old ones are
   * replaced. @default {@link TRACE_PROJECTION_VERSION}
   */
  readonly version?: number;
}

export class TraceProjectionEventHandler implements EventHandler<string, SpanEvent, TraceProjection> {
  readonly version: number;
  readonly #limits: ContentLimits;
  readonly #prices: OwnPrices;

  /** @throws EventSourcingError `INVALID_OPTIONS` for limits and prices that are none */
  constructor(options: TraceProjectionOptions = {}) {
    this.version = options.version ?? TRACE_PROJECTION_VERSION;
    this.#limits = readContentLimits(options.limits);
    this.#prices = readOwnPrices(options.prices ?? []);
  }

  handle(stream: EventStream<string, SpanEvent>): TraceProjection {
    return buildTraceProjection(stream, this.#limits, this.#prices);
  }

  startFold(traceId: string): EventFold<SpanEvent, TraceProjection> {
    return new TraceFold(traceId, this.#limits, this.#prices);
  }
}

/**
 * The handlers of this release, oldest first: those whose generation is live are run. When the same spans give another
 * projection than before, the new handler is added with a version of its own, and the old one stays as it is for as long
 * as it may serve.
 */
export function createTraceProjectionHandlers(
  options: Omit<TraceProjectionOptions, "version"> = {},
): readonly TraceProjectionEventHandler[] {
  return [new TraceProjectionEventHandler(options)];
}

/** {@link createTraceProjectionHandlers} with all defaults. */
export const traceProjectionHandlers: readonly TraceProjectionEventHandler[] =
  createTraceProjectionHandlers();
