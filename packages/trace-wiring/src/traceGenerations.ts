import type { ClickHouseClient } from "@clickhouse/client";
import {
  createEventSourcingPipeline,
  defaultKeptFolds,
  type EventHandler,
  EventSourcingError,
  type EventSourcingService,
  type EventStore,
  type KeptFoldsOptions,
  type ProjectionStore,
} from "@es/core";
import type { Logger, ReadinessCheck } from "@es/host";
import {
  GenerationOperations,
  liveGenerations,
  ProjectionGenerations,
  SideBySideProjector,
  watchGenerations,
} from "@es/processing";
import {
  EventStoreClickHouse,
  generationChangesTable,
  type StoreClickHouseOptions,
} from "@es/store-clickhouse";
import { traceGenerationStorageClickHouse } from "@es/trace-clickhouse";
import type { SpanEvent, TraceProjection } from "@es/trace-projection";
import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { generationFailures } from "./generationFailures.js";
import type { KeptProjections } from "./keptProjections.js";
import { createTraceSessions, type ScheduleSessions, type TraceSessions } from "./traceSessions.js";

/** Of what kept folds may hold: of 256 MiB a session of 90 000 traces fits. */
const SHARE_OF_SESSIONS = 1 / 4;

/** A handler with the generation it makes as its version. */
export type TraceHandler = EventHandler<string, SpanEvent, TraceProjection> & { readonly version: number };

export interface TraceGenerationsOptions {
  readonly client: ClickHouseClient;
  readonly eventStore: EventStore<string, SpanEvent>;
  readonly stores: StoreClickHouseOptions;
  readonly cluster: string | undefined;
  /** Those that may be live: the first serves a new database. */
  readonly handlers: readonly TraceHandler[];
  /** Of each handler, and of the sessions over it. */
  readonly keptFolds: KeptFoldsOptions;
  /** Given by a process that has their queue. */
  readonly scheduleSessions?: ScheduleSessions | undefined;
  readonly logger: Logger;
}

/** The generations of trace projections, as one process sees them. */
export interface TraceGenerations extends KeptProjections {
  /** Sessions, one over each generation of trace projections. */
  readonly sessions: TraceSessions;
  /** What an operator does with them. */
  readonly operations: GenerationOperations;
  serviceOf(generation: number): EventSourcingService<string, SpanEvent, TraceProjection>;
  storeOf(generation: number): ProjectionStore<string, TraceProjection>;
  /** Notes live generations without a handler here; rejects when there is a handler for none. */
  readonly isReady: ReadinessCheck;
  /** Records what serves a new database, and brings the tables of live generations up to date. */
  open(): Promise<void>;
}

export function createTraceGenerations(options: TraceGenerationsOptions): TraceGenerations {
  const { client, eventStore, stores, cluster, handlers, logger } = options;
  const { maxBytes = defaultKeptFolds.maxBytes, ...whichFolds } = options.keptFolds;
  const keptFoldsOf = (share: number) => ({ ...whichFolds, maxBytes: Math.floor(maxBytes * share) });
  const initial = handlers[0]?.version;
  if (initial === undefined)
    throw new EventSourcingError("INVALID_OPTIONS", "There is no handler of traces.");
  const storage = traceGenerationStorageClickHouse(client, {
    ...stores,
    ...(cluster === undefined ? {} : { cluster }),
  });
  const generations = new ProjectionGenerations({
    eventStore: new EventStoreClickHouse(client, { ...stores, table: generationChangesTable() }),
    projection: "trace",
    initial,
  });
  // Asked all the time, also while nothing else happens: not worth a span each.
  const read = () => context.with(suppressTracing(context.active()), () => generations.read());
  const view = watchGenerations(
    { read },
    {
      onError: (error) =>
        logger.warn({ error }, "The generations cannot be read; going on with those known last"),
    },
  );
  const runnable = handlers.map(({ version }) => version);
  const sessions = createTraceSessions({
    client,
    stores,
    view,
    runnable,
    schedule: options.scheduleSessions,
    keptFolds: keptFoldsOf(SHARE_OF_SESSIONS),
    logger,
  });
  const services = new Map(
    handlers.map((eventHandler) => [
      eventHandler.version,
      createEventSourcingPipeline({
        eventStore,
        projectionStore: storage.storeOf(eventHandler.version),
        eventHandler,
        serviceOptions: {
          ordering: "timestamp",
          keptFolds: keptFoldsOf(1 - SHARE_OF_SESSIONS),
          hooks: sessions.hooksOf(eventHandler.version),
        },
      }).service,
    ]),
  );
  const reportFailure = generationFailures(logger, "trace");
  const projector = new SideBySideProjector<SpanEvent>({
    eventStore,
    runnable: [...services].map(([number, service]) => ({ number, service })),
    generations: view,
    onBesideError: reportFailure,
  });

  return {
    view,
    runnable,
    projector,
    reportFailure,
    sessions,
    operations: new GenerationOperations({ generations, storage, runnable }),
    serviceOf(generation) {
      const service = services.get(generation);
      if (service !== undefined) return service;
      throw new EventSourcingError(
        "GENERATION_UNSUPPORTED",
        `This version has handlers for generations ${runnable.join(", ")}, none for ${generation}.`,
      );
    },
    storeOf: (generation) => storage.storeOf(generation),
    lagOf: (generation) => storage.lagOf(generation),
    async isReady() {
      const unsupported = await projector.unsupported();
      if (unsupported.length === 0) return undefined;
      const note = `no handler for live generations ${unsupported.join(", ")}; there are for ${runnable.join(", ")}`;
      if (unsupported.length < liveGenerations(await view.current()).length) return note;
      throw new EventSourcingError("GENERATION_UNSUPPORTED", note);
    },
    async open() {
      const set = await generations.open();
      const live = liveGenerations(set);
      for (const generation of live) if (services.has(generation)) await storage.prepare(generation);
      const unsupported = live.filter((generation) => !services.has(generation));
      if (unsupported.length > 0) {
        logger.warn(
          { unsupported, runnable, serving: set.serving },
          "There are live generations this version has no handler for; others have to keep them up",
        );
      }
    },
  };
}
