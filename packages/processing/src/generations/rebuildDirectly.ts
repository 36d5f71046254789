import type { AggregateRef, Event, EventSourcingService } from "@es/core";
import { isEventSourcingError } from "@es/core";
import { finiteNumber, warningListener, wholeNumber } from "@es/core/adapter";
import { rest } from "../pace/rest.js";
import type { ProjectionQueue } from "../queue/projectionQueue.js";

export interface RebuildDirectlyOptions {
  /** Aggregates rebuilt at once. Their stores make few round trips of them. @default 100 */
  readonly batchSize?: number;
  /** For each millisecond of work so many of rest, in which live runs have the engine to themselves. @default 1 */
  readonly restPerWork?: number;
  /** Stops between batches; what is left still lags. */
  readonly signal?: AbortSignal;
  /** An aggregate cannot be rebuilt. The others are. @default a warning of the process, each once a minute */
  readonly onFailure?: (error: unknown, ref: AggregateRef) => void;
}

/**
 * In place of a queue, for reconciling a generation that does not serve: rebuilds what is scheduled there and then, so that
 * millions of aggregates of a new generation hold up no run of the serving one. Rejects with the first failure that goes
 * away by waiting, after its batch.
 */
export function rebuildDirectly(
  service: Pick<EventSourcingService<string, Event, unknown>, "rebuildProjection">,
  options: RebuildDirectlyOptions = {},
): Pick<ProjectionQueue, "schedule"> {
  const batchSize = wholeNumber("batchSize", options.batchSize ?? 100, 1);
  const restPerWork = finiteNumber("restPerWork", options.restPerWork ?? 1);
  const { signal, onFailure = warningListener("rebuildDirectly") } = options;

  async function rebuild(ref: AggregateRef): Promise<void> {
    const context = { tenantId: ref.tenantId };
    try {
      await service.rebuildProjection(ref.aggregateId, {
        eventStoreContext: context,
        projectionStoreContext: context,
      });
    } catch (error) {
      if (isEventSourcingError(error) && error.retryable) throw error;
      onFailure(error, ref);
    }
  }

  return {
    async schedule(refs) {
      for (let at = 0; at < refs.length && signal?.aborted !== true; at += batchSize) {
        const started = performance.now();
        const outcomes = await Promise.allSettled(refs.slice(at, at + batchSize).map(rebuild));
        for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
        await rest((performance.now() - started) * restPerWork, signal);
      }
    },
  };
}
