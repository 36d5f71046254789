import type { ProjectionMetadata } from "./projectionMetadata.js";
import type { ProjectionVersion } from "./projectionVersion.js";

/** A projection as it is stored: what the handler returned, and what it was folded from. */
export interface ProjectionRecord<TAggregateId extends string = string, TProjection = unknown> {
  readonly aggregateId: TAggregateId;
  readonly version: ProjectionVersion;
  readonly projection: TProjection;
  readonly metadata: ProjectionMetadata;
}
