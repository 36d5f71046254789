import type { Event } from "../events/event.js";
import type { EventFold, FoldStep } from "../handlers/eventFold.js";
import type { ProjectionMetadata } from "../projections/projectionMetadata.js";
import type { KnownEvents } from "../stores/eventStore.js";
import { settledStep } from "./handlerResult.js";

interface Stamps {
  readonly acceptedAt: bigint;
  readonly occurredAt: bigint;
}

/** About what the stamps of an event take. */
const BYTES_PER_EVENT = 180;

const EVENTS_PER_STEP = 500;

/** A handler's fold of one aggregate, with what its versions and metadata are made of. Its work comes in steps. */
export class AggregateFold<TEvent extends Event, TProjection> implements KnownEvents {
  readonly fold: EventFold<TEvent, TProjection>;
  readonly #stamps = new Map<string, Stamps>();
  #acceptedSum = 0n;
  #lastAcceptedAt = 0n;
  #firstTimestamp: bigint | null = null;
  #lastTimestamp: bigint | null = null;
  #bytes = 0;

  constructor(fold: EventFold<TEvent, TProjection>) {
    this.fold = fold;
  }

  get eventCount(): number {
    return this.#stamps.size;
  }

  get acceptedSum(): bigint {
    return this.#acceptedSum;
  }

  get lastAcceptedAt(): bigint {
    return this.#lastAcceptedAt;
  }

  /** As the last `release` said. */
  get bytes(): number {
    return this.#bytes;
  }

  acceptedAtOf(eventId: string): bigint | undefined {
    return this.#stamps.get(eventId)?.acceptedAt;
  }

  /** As `buildProjectionMetadata` does of a stream of the same events. */
  metadata(): ProjectionMetadata {
    return {
      eventCount: this.eventCount,
      firstEventTimestamp: this.#firstTimestamp === null ? null : String(this.#firstTimestamp),
      lastEventTimestamp: this.#lastTimestamp === null ? null : String(this.#lastTimestamp),
    };
  }

  /** Takes what is new of distinct events; what it has seen, or something later accepted instead of, changes nothing. */
  *add(events: readonly TEvent[]): Generator<void, void> {
    const changed: TEvent[] = [];
    let replaced = false;
    let seen = 0;
    for (const event of events) {
      if (++seen % EVENTS_PER_STEP === 0) yield;
      const { id, acceptedAt, occurredAt } = event;
      const before = this.#stamps.get(id);
      if (before !== undefined) {
        if (before.acceptedAt >= acceptedAt) continue;
        replaced ||= before.occurredAt !== occurredAt;
        this.#acceptedSum -= before.acceptedAt;
      }
      this.#stamps.set(id, { acceptedAt, occurredAt });
      this.#acceptedSum += acceptedAt;
      if (acceptedAt > this.#lastAcceptedAt) this.#lastAcceptedAt = acceptedAt;
      this.#widen(occurredAt);
      changed.push(event);
    }
    if (replaced) {
      this.#firstTimestamp = null;
      this.#lastTimestamp = null;
      for (const { occurredAt } of this.#stamps.values()) this.#widen(occurredAt);
    }
    if (changed.length === 0) return;
    if (this.fold.addInSteps === undefined) this.fold.add(changed);
    else yield* this.fold.addInSteps(changed);
  }

  *project(): Generator<void, FoldStep<TProjection>> {
    return settledStep(
      this.fold.projectInSteps === undefined ? this.fold.project() : yield* this.fold.projectInSteps(),
    );
  }

  /** Gives the fold events that it asked for; those accepted later than what it had are a change like any other. */
  *recall(events: readonly TEvent[]): Generator<void, void> {
    const asAdded = events.filter((event) => event.acceptedAt === this.acceptedAtOf(event.id));
    if (asAdded.length > 0) this.fold.recall(asAdded);
    yield* this.add(events);
  }

  /** Lets go of what takes much room. */
  *release(): Generator<void, void> {
    const held =
      this.fold.releaseInSteps === undefined ? this.fold.release() : yield* this.fold.releaseInSteps();
    this.#bytes = held + this.#stamps.size * BYTES_PER_EVENT;
  }

  #widen(occurredAt: bigint): void {
    if (this.#firstTimestamp === null || occurredAt < this.#firstTimestamp) this.#firstTimestamp = occurredAt;
    if (this.#lastTimestamp === null || occurredAt > this.#lastTimestamp) this.#lastTimestamp = occurredAt;
  }
}
