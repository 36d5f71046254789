import type { ProjectionRecord } from "../projections/projectionRecord.js";
import type { ProjectionVersion } from "../projections/projectionVersion.js";
import type { ProjectionStoreContext } from "./storeContext.js";

/** What a read found. `undecodable` is a row that is there but cannot be understood: never treat it as absent. */
export type ProjectionRead<TAggregateId extends string = string, TProjection = unknown> =
  | { readonly status: "found"; readonly record: ProjectionRecord<TAggregateId, TProjection> }
  | { readonly status: "absent" }
  | {
      readonly status: "undecodable";
      readonly reason: string;
      /** Of the row: what replaces it needs a greater one. */
      readonly version: ProjectionVersion;
    };

/**
 * Keeps one projection per aggregate, tenant by tenant.
 *
 * **Values.** What a read returns equals what was stored, or the call that stores it rejects with `INVALID_PROJECTION` and
 * the path to the value, before anything is written. Projections and their metadata are JSON values, as `EventStore` says
 * of events; a projection is not `undefined`. A store with a codec of its own keeps what that codec keeps. What is stored and
 * what is read are copies: changing them changes nothing in the store.
 *
 * Guarantees of every implementation:
 * - when `storeProjection` resolves, the record, or one of a greater version, is what every later read returns;
 * - a record of a smaller version never replaces one of a greater, whatever the order of the calls; of equal versions
 *   any may stay, for they were folded from the same events by the same handler;
 * - no call sees or changes another tenant's projections; the tenant is checked by each call, not by types alone.
 *
 * Every call rejects with `EventSourcingError`, as `EventStore`'s do.
 */
export interface ProjectionStore<TAggregateId extends string = string, TProjection = unknown> {
  getProjection(
    aggregateId: TAggregateId,
    context: ProjectionStoreContext,
  ): Promise<ProjectionRead<TAggregateId, TProjection>>;

  /** `getProjection` of many aggregates in one round trip. The map has an entry for every id asked for. */
  getProjections(
    aggregateIds: readonly TAggregateId[],
    context: ProjectionStoreContext,
  ): Promise<ReadonlyMap<TAggregateId, ProjectionRead<TAggregateId, TProjection>>>;

  storeProjection(
    record: ProjectionRecord<TAggregateId, TProjection>,
    context: ProjectionStoreContext,
  ): Promise<void>;

  storeProjections(
    records: readonly ProjectionRecord<TAggregateId, TProjection>[],
    context: ProjectionStoreContext,
  ): Promise<void>;
}
