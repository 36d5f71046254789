import type { AggregateRef, Page, PageOptions } from "@es/core";

/** An aggregate whose stored events are ahead of its projection. */
export interface LaggingAggregate extends AggregateRef {
  /** Distinct events stored. */
  readonly storedEvents: number;
  /** Distinct events its projection was folded from; 0 without a projection. */
  readonly projectedEvents: number;
  /**
   * When the oldest event that the projection does not cover was accepted, as best known, Unix nanoseconds: with _n_
   * events projected the time of the (n + 1)-th accepted; of the last where events were only replaced.
   */
  readonly laggingSince: bigint;
  /** How long ago that was by the source's clock, milliseconds; 0 where it lies ahead. */
  readonly lagMs: number;
}

/** All times are told from the source's own clock: whoever asks may have a wrong one. */
export interface ListLaggingOptions extends PageOptions {
  /** Only aggregates with an event accepted so long ago or later, milliseconds. @default all */
  readonly acceptedWithinMs?: number;
  /**
   * Leaves out what lags for less, milliseconds: it is just being processed. Stamps further ahead than this are some
   * other clock's fault, and listed. @default 0
   */
  readonly graceMs?: number;
}

/**
 * Finds aggregates whose stored events are ahead of their projection: it was folded from fewer events, or from older
 * versions of some.
 *
 * Guarantees of every implementation:
 * - the pages together hold each aggregate, of all tenants, that lags during the whole listing, once, whatever duplicates
 *   are stored; a page may be empty and still have a next one;
 * - the projection store is not asked for more than a version: an undecodable projection lags only if its version does;
 * - memory is bounded by the size of a page.
 *
 * Rejects with `EventSourcingError`, as `EventStore` does.
 */
export interface LagSource {
  listLagging(options?: ListLaggingOptions): Promise<Page<LaggingAggregate>>;
}
