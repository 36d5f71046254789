import type { Event, EventSourcingService } from "@es/core";
import type { ProjectionRun } from "./projectionQueue.js";

/** The run a worker does for each scheduled aggregate: rebuild its projection, under the ref's tenant. */
export function createProjectionConsumer<TEvent extends Event, TProjection>(
  service: Pick<EventSourcingService<string, TEvent, TProjection>, "rebuildProjection">,
): ProjectionRun {
  return async ({ tenantId, aggregateId }, { signal }) => {
    await service.rebuildProjection(aggregateId, {
      eventStoreContext: { tenantId },
      projectionStoreContext: { tenantId },
      signal,
    });
  };
}
