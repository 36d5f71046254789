import type { ClickHouseClient } from "@clickhouse/client";
import {
  type AggregateRef,
  createEventSourcingPipeline,
  EventSourcingError,
  type EventSourcingHooks,
  type KeptFoldsOptions,
} from "@es/core";
import { createAcceptedClock } from "@es/core/adapter";
import type { Logger } from "@es/host";
import { type GenerationsView, SideBySideProjector } from "@es/processing";
import {
  type SessionEvent,
  SessionProjectionEventHandler,
  sessionEventsOf,
  sessionIdsOf,
} from "@es/session-projection";
import {
  sessionEventStoreClickHouse,
  sessionGenerationStorageClickHouse,
} from "@es/session-projection/clickhouse";
import type { StoreClickHouseOptions } from "@es/store-clickhouse";
import type { SpanEvent, TraceProjection } from "@es/trace-projection";
import { generationFailures } from "./generationFailures.js";
import type { KeptProjections } from "./keptProjections.js";

/** Schedules sessions that traces told something. */
export type ScheduleSessions = (sessions: readonly AggregateRef[]) => Promise<void>;

export interface TraceSessionsOptions {
  readonly client: ClickHouseClient;
  readonly stores: StoreClickHouseOptions;
  /** Of trace projections: sessions have the same, one over each. */
  readonly view: GenerationsView;
  readonly runnable: readonly number[];
  /** Without it, what traces tell sessions lags until a worker's reconciler finds it. */
  readonly schedule?: ScheduleSessions | undefined;
  /** Of each generation's service. */
  readonly keptFolds: KeptFoldsOptions;
  readonly logger: Logger;
}

/** Sessions as one process sees them, and how traces tell them. */
export interface TraceSessions extends KeptProjections {
  /**
   * For the service that makes a generation of trace projections. Sessions are told before the projection is stored: who
   * dies in between leaves a trace that lags, so it is rebuilt, and tells them again.
   */
  hooksOf(generation: number): EventSourcingHooks<string, SpanEvent, TraceProjection>;
}

export function createTraceSessions(options: TraceSessionsOptions): TraceSessions {
  const { client, stores, view, runnable, schedule, keptFolds, logger } = options;
  const eventStore = sessionEventStoreClickHouse(client, stores);
  const storage = sessionGenerationStorageClickHouse(client, stores);
  const clock = createAcceptedClock();
  const services = new Map(
    runnable.map((generation) => [
      generation,
      createEventSourcingPipeline({
        eventStore,
        projectionStore: storage.storeOf(generation),
        eventHandler: new SessionProjectionEventHandler({ generation }),
        serviceOptions: { keptFolds },
      }).service,
    ]),
  );
  const reportFailure = generationFailures(logger, "session");

  return {
    view,
    runnable,
    reportFailure,
    projector: new SideBySideProjector<SessionEvent>({
      eventStore,
      runnable: [...services].map(([number, service]) => ({ number, service })),
      generations: view,
      onBesideError: reportFailure,
    }),
    serviceOf(generation) {
      const service = services.get(generation);
      if (service !== undefined) return service;
      throw new EventSourcingError(
        "GENERATION_UNSUPPORTED",
        `This version makes sessions of generations ${runnable.join(", ")}, not of ${generation}.`,
      );
    },
    lagOf: (generation) => storage.lagOf(generation),
    hooksOf: (generation) => ({
      async beforePersist(record, { tenantId }) {
        const events = sessionEventsOf(record, generation, clock);
        if (events.length > 0) await eventStore.storeEvents(events, { tenantId });
        return undefined;
      },
      async afterPersist({ projection }, { tenantId }) {
        const sessions = sessionIdsOf(projection).map((aggregateId) => ({ tenantId, aggregateId }));
        if (sessions.length > 0) await schedule?.(sessions);
      },
      onHookError: (error, { aggregateId }) =>
        logger.warn(
          { error, traceId: aggregateId },
          "Sessions were told but not scheduled; the reconciler will",
        ),
    }),
  };
}
