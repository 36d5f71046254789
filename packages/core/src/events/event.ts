/** Whatever travels with an event without being part of what happened: correlation ids, the emitter's version. */
export type EventMetadata = Readonly<Record<string, unknown>>;

/**
 * One thing that happened to one aggregate.
 *
 * Two events of an aggregate with the same `id` are the same event: the one accepted last counts, the other is a
 * duplicate. That makes appending idempotent.
 */
export interface Event<TType extends string = string, TData = unknown> {
  /** The idempotency key, unique within the aggregate. */
  readonly id: string;
  readonly aggregateId: string;
  readonly type: TType;
  /** When it happened by the emitter's clock, Unix nanoseconds. Never trusted for partitions, expiry or versions. */
  readonly occurredAt: bigint;
  /** When we accepted it by our clock, Unix nanoseconds from an {@link AcceptedClock}. Set once, never changed. */
  readonly acceptedAt: bigint;
  /** A JSON value, or what the table or codec of the store keeps: see `EventStore`. */
  readonly data: TData;
  readonly metadata?: EventMetadata;
}
