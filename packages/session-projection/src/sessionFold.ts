import { type EventFold, parseProjectionVersion } from "@es/core";
import type { SessionEvent, SessionTrace } from "./sessionEvent.js";
import type { SessionProjection } from "./sessionProjection.js";

interface Told {
  readonly version: bigint;
  /** `null`: not part of the session. */
  readonly trace: SessionTrace | null;
}

/** About what a trace takes besides its texts. */
const BYTES_PER_TRACE = 500;

/** What a session was told last of each of its traces. It never asks for events again. */
export class SessionFold implements EventFold<SessionEvent, SessionProjection> {
  readonly #generation: number;
  readonly #project: (traces: SessionTrace[]) => SessionProjection;
  readonly #newest = new Map<string, Told>();

  /** @param project what the traces that are part of the session make; they come in no order */
  constructor(generation: number, project: (traces: SessionTrace[]) => SessionProjection) {
    this.#generation = generation;
    this.#project = project;
  }

  add(events: readonly SessionEvent[]): void {
    for (const { data } of events) {
      if (data.generation !== this.#generation) continue;
      const version = parseProjectionVersion(data.version);
      const known = this.#newest.get(data.traceId);
      // One of the same version is the same event, told again.
      if (known === undefined || known.version <= version) {
        this.#newest.set(data.traceId, { version, trace: data.trace });
      }
    }
  }

  project(): { readonly done: true; readonly projection: SessionProjection } {
    const traces = [...this.#newest.values()].flatMap(({ trace }) => (trace === null ? [] : [trace]));
    return { done: true, projection: this.#project(traces) };
  }

  recall(): void {}

  release(): number {
    let bytes = 0;
    for (const { trace } of this.#newest.values()) {
      bytes += BYTES_PER_TRACE;
      if (trace === null) continue;
      const { name, userId, models } = trace;
      bytes +=
        2 * (name.length + (userId?.length ?? 0) + models.reduce((sum, model) => sum + model.length, 0));
    }
    return bytes;
  }
}
