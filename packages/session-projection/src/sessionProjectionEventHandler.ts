import type { EventHandler, EventStream } from "@es/core";
import type { SessionEvent } from "./sessionEvent.js";
import { SessionFold } from "./sessionFold.js";
import { defaultSessionLimits, type SessionLimits } from "./sessionLimits.js";
import type { SessionProjection } from "./sessionProjection.js";

export interface SessionProjectionOptions {
  /** Whose projections of traces count: those made by the handler of this version. @default 1 */
  readonly generation?: number;
  /** Over {@link defaultSessionLimits}. */
  readonly limits?: Partial<SessionLimits>;
}

/** Folds what traces told a session. Its version is the generation of trace projections that it counts. */
export class SessionProjectionEventHandler implements EventHandler<string, SessionEvent, SessionProjection> {
  readonly version: number;
  readonly #limits: SessionLimits;

  constructor(options: SessionProjectionOptions = {}) {
    this.version = options.generation ?? 1;
    this.#limits = { ...defaultSessionLimits, ...options.limits };
  }

  handle(stream: EventStream<string, SessionEvent>): SessionProjection {
    const fold = this.startFold(stream.aggregateId);
    fold.add(stream.events);
    return fold.project().projection;
  }

  startFold(sessionId: string): SessionFold {
    return new SessionFold(sessionId, this.version, this.#limits);
  }
}
