import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { type AggregateSource, EventSourcingError, isEventSourcingError } from "@es/core";
import { heapShare, type Logger, type ReadinessCheck, startInBackground } from "@es/host";
import type { ReplayStore } from "@es/processing";
import {
  SessionReadRepositoryClickHouse,
  sessionClickHouseMigrations,
} from "@es/session-projection/clickhouse";
import {
  AggregateSourceClickHouse,
  createClickHouseAgent,
  type EventStoreClickHouse,
  generationClickHouseMigrations,
  migrate,
  ReplayStoreClickHouse,
  readSettings,
  replayClickHouseMigrations,
} from "@es/store-clickhouse";
import {
  createTraceClickHouseMigrations,
  defaultExplainLimits,
  spanEventStoreClickHouse,
  spanTable,
  TraceReadRepositoryClickHouse,
} from "@es/trace-clickhouse";
import {
  createTraceProjectionHandlers,
  type SpanEvent,
  type TraceProjectionOptions,
} from "@es/trace-projection";
import { permittedSettings } from "./permittedSettings.js";
import { createAnswerProbe, createStoreProbe, probeMigrations, type StoreNeed } from "./storeProbe.js";
import { createTraceGenerations, type TraceGenerations, type TraceHandler } from "./traceGenerations.js";
import type { ScheduleSessions } from "./traceSessions.js";

export interface TraceStoreConfig {
  readonly CLICKHOUSE_URL: string;
  readonly CLICKHOUSE_USER?: string | undefined;
  readonly CLICKHOUSE_PASSWORD?: string | undefined;
  readonly CLICKHOUSE_DATABASE: string;
  readonly CLICKHOUSE_CLUSTER?: string | undefined;
  readonly CLICKHOUSE_READ_SETTINGS?: Readonly<Record<string, string>>;
  readonly CLICKHOUSE_INSERT_SETTINGS?: Readonly<Record<string, string>>;
  readonly TRACE_MAX_BYTES?: number | undefined;
  readonly SPAN_RETENTION_DAYS?: number | undefined;
  readonly KEPT_FOLDS_BYTES?: number | undefined;
}

/** Everything the apps read from and write to ClickHouse. */
export interface TraceStore {
  readonly eventStore: EventStoreClickHouse<SpanEvent>;
  readonly generations: TraceGenerations;
  /** Of the generation that serves. */
  readonly reads: TraceReadRepositoryClickHouse;
  /** Of the generation that serves. */
  readonly sessionReads: SessionReadRepositoryClickHouse;
  /** Bytes after which a page of `reads` ends: less where the heap is small. */
  readonly pageBytes: number;
  /** The traces of all tenants. */
  readonly traces: AggregateSource;
  readonly replays: ReplayStore;
  /**
   * Rejects with the reason while ClickHouse cannot do what this process needs of it: it does not answer, refuses the user,
   * lacks the schema or a right, or cannot write.
   */
  readonly isReady: ReadinessCheck;
  /** Rejects while the schema is not there: what a request that needs the store asks first. Costs nothing. */
  readonly schemaIsReady: ReadinessCheck;
  /** Resolves once the schema is there. */
  readonly opened: Promise<void>;
  close(): Promise<void>;
}

export interface TraceStoreOptions {
  /** Limits and prices of projections, and of what explains them. @default none but the library's */
  readonly projection?: Omit<TraceProjectionOptions, "version">;
  /** @default createTraceProjectionHandlers(projection), those of this release */
  readonly handlers?: readonly TraceHandler[];
  /** Schedules sessions that a rebuilt trace told something. @default none: their reconciler finds them */
  readonly scheduleSessions?: ScheduleSessions;
  /** What `isReady` asks for. A process that only reads may have a user with `readonly = 1`. @default all */
  readonly needs?: readonly StoreNeed[];
}

const REQUEST_TIMEOUT_MS = 60_000;
const MAX_OPEN_CONNECTIONS = 16;
const MAX_READ_CONNECTIONS = 16;
/** A page takes several times its bytes: as rows, as spans and as an answer. */
const MAX_PAGE_BYTES = 8 * 2 ** 20;
const PAGES_OF_HEAP = 64;
/** A trace that is explained is in memory as a whole, several times. */
const EXPLAINED_OF_HEAP = 32;
/** Before the request times out: what ClickHouse itself gives up is read again in halves, until only a trace too large fails. */
const MAX_READ_SECONDS = 45;

/**
 * Connects, and brings the schema up to date in the background: an app starts without ClickHouse and goes on when it
 * comes up.
 */
export function openTraceStore(
  config: TraceStoreConfig,
  logger: Logger,
  {
    projection = {},
    handlers = createTraceProjectionHandlers(projection),
    scheduleSessions,
    needs = ["ingest", "project", "read"],
  }: TraceStoreOptions = {},
): TraceStore {
  const database = config.CLICKHOUSE_DATABASE;
  const connect = (connections: number) =>
    createClient({
      url: config.CLICKHOUSE_URL,
      ...(config.CLICKHOUSE_USER === undefined ? {} : { username: config.CLICKHOUSE_USER }),
      ...(config.CLICKHOUSE_PASSWORD === undefined ? {} : { password: config.CLICKHOUSE_PASSWORD }),
      request_timeout: REQUEST_TIMEOUT_MS,
      http_agent: createClickHouseAgent(config.CLICKHOUSE_URL, { maxSockets: connections }),
      // Every failure is reported by who made the call, as a structured line.
      log: { level: ClickHouseLogLevel.OFF },
    });
  const connection = connect(MAX_OPEN_CONNECTIONS);
  // What people read must not keep inserts and rebuilds waiting for a connection.
  const readConnection = connect(MAX_READ_CONNECTIONS);
  const pageBytes = Math.min(MAX_PAGE_BYTES, heapShare(PAGES_OF_HEAP));
  const retention = config.SPAN_RETENTION_DAYS;
  const migrations = [
    createTraceClickHouseMigrations(retention === undefined ? {} : { spanRetentionDays: retention }),
    replayClickHouseMigrations,
    generationClickHouseMigrations,
    sessionClickHouseMigrations,
    probeMigrations,
  ];
  const permitted = permittedSettings(connection, { ...readSettings, ...config.CLICKHOUSE_READ_SETTINGS });
  const client = permitted.over(connection);
  const readClient = permitted.over(readConnection);
  const stores = {
    database,
    readSettings: { max_execution_time: MAX_READ_SECONDS, ...config.CLICKHOUSE_READ_SETTINGS },
    insertSettings: config.CLICKHOUSE_INSERT_SETTINGS ?? {},
  };
  const cluster = config.CLICKHOUSE_CLUSTER;
  const maxBytes = config.TRACE_MAX_BYTES;
  const eventStore = spanEventStoreClickHouse(client, {
    ...stores,
    ...(maxBytes === undefined ? {} : { maxAggregateBytes: maxBytes }),
  });
  const keptBytes = config.KEPT_FOLDS_BYTES;
  const generations = createTraceGenerations({
    client,
    eventStore,
    stores,
    cluster,
    handlers,
    keptFolds: keptBytes === undefined ? {} : { maxBytes: Math.floor(keptBytes / handlers.length) },
    scheduleSessions,
    logger,
  });
  const serving = async () => (await generations.view.current()).serving;
  const schema = startInBackground(
    async () => {
      // Who writes needs the settings of inserts, and so a user who may send them.
      if (needs.every((need) => need === "read")) await permitted.learn();
      await migrate(client, { database, migrations, ...(cluster === undefined ? {} : { cluster }) });
      await generations.open();
    },
    {
      name: "bring the ClickHouse schema up to date",
      // A password, a right or a database may be put in order while this waits. A schema that is another's stays so.
      isTransient: (error) => !isAnothersSchema(error) && !isEventSourcingError(error, "INVALID_OPTIONS"),
      logger,
    },
  );
  const schemaIsReady = async () => {
    const state = schema.state();
    if (state.done) return;
    throw (
      state.error ??
      new EventSourcingError(
        "STORE_UNAVAILABLE",
        "The ClickHouse schema is being brought up to date; try again.",
      )
    );
  };
  const answers = createAnswerProbe(connection, database);
  const probe = createStoreProbe(client, {
    database,
    needs,
    serving,
    readSettings: stores.readSettings,
    insertSettings: stores.insertSettings,
  });
  return {
    eventStore,
    generations,
    reads: new TraceReadRepositoryClickHouse(readClient, {
      database,
      readSettings: stores.readSettings,
      maxPageBytes: pageBytes,
      explainLimits: {
        ...defaultExplainLimits,
        bytes: Math.min(defaultExplainLimits.bytes, heapShare(EXPLAINED_OF_HEAP)),
      },
      projection,
      ...(maxBytes === undefined ? {} : { maxTraceBytes: maxBytes }),
      generation: serving,
    }),
    sessionReads: new SessionReadRepositoryClickHouse(readClient, {
      database,
      readSettings: stores.readSettings,
      generation: serving,
    }),
    pageBytes,
    traces: new AggregateSourceClickHouse(client, { ...stores, table: spanTable() }),
    replays: new ReplayStoreClickHouse(client, { ...stores, projection: "traces" }),
    schemaIsReady,
    async isReady() {
      // An engine that does not answer is no schema that takes long.
      const state = schema.state();
      if (!state.done && state.error === undefined) await answers();
      await schemaIsReady();
      await permitted.check();
      await probe();
    },
    opened: schema.finished,
    async close() {
      schema.stop();
      await readConnection.close();
      await connection.close();
    },
  };
}

/** The database records another migration under a number of ours: no waiting mends that. */
function isAnothersSchema(error: unknown): boolean {
  return isEventSourcingError(error, "STORE_SCHEMA_MISMATCH") && error.fields.clickhouseCode === undefined;
}
