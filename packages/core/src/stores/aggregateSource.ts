import type { AggregateRef } from "../events/aggregateRef.js";
import type { TenantId } from "../tenancy/tenantId.js";
import type { Page, PageOptions } from "./page.js";

/** Which aggregates: those that match everything that is given, so all if nothing is. */
export interface AggregateSelection<TAggregateId extends string = string> {
  readonly tenantId?: TenantId;
  /** Any of these, of every tenant unless one is given. */
  readonly aggregateIds?: readonly TAggregateId[];
  /** With an event accepted at or after this instant, Unix nanoseconds. */
  readonly acceptedFrom?: bigint;
  /** With an event accepted before this instant (the same event, if both are given), Unix nanoseconds. */
  readonly acceptedTo?: bigint;
}

/**
 * Finds the aggregates of all tenants: what a replay walks over.
 *
 * Guarantees of every implementation:
 * - page by page, every aggregate that matches is listed once, ordered by tenant, then id (both as `compareIds` does);
 * - aggregates that are added while a listing is under way are listed if they come after its cursor;
 * - an event that was replaced by a later one of the same id may still count for the accepted range, until the store has
 *   forgotten it: the range may list more than it should, never less.
 *
 * Calls reject with `EventSourcingError`, as `EventStore`'s do.
 */
export interface AggregateSource<TAggregateId extends string = string> {
  listAggregates(
    selection: AggregateSelection<TAggregateId>,
    options?: PageOptions,
  ): Promise<Page<AggregateRef<TAggregateId>>>;

  /** How many `listAggregates` would list now. */
  countAggregates(selection: AggregateSelection<TAggregateId>): Promise<number>;
}
