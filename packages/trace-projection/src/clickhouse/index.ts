export type { EncodedSpans } from "./spanBlockEncoder.js";
export {
  type CreateSpanEncoderOptions,
  type SpanEventWriter,
  SpanIngestionWriteRepositoryClickHouse,
  type SpanIngestionWriteRepositoryOptions,
  type StoreSpansResult,
} from "./spanIngestionWriteRepositoryClickHouse.js";
export { spanTable } from "./spanTable.js";
export {
  createTraceClickHouseMigrations,
  type TraceClickHouseMigrationsOptions,
  traceClickHouseMigrations,
  traceGenerationMigrations,
} from "./traceClickHouseMigrations.js";
export { traceGenerationStorageClickHouse } from "./traceGenerationStorageClickHouse.js";
export { traceProjectionTable } from "./traceProjectionTable.js";
export {
  defaultExplainLimits,
  type ExplainLimits,
  type ExplainRead,
  type ListTracesOptions,
  type TraceList,
  TraceReadRepositoryClickHouse,
  type TraceReadRepositoryOptions,
} from "./traceReadRepositoryClickHouse.js";
export {
  EventStoreClickHouse,
  ProjectionStoreClickHouse,
  type SpanEventStoreClickHouseOptions,
  spanEventStoreClickHouse,
  type TraceLagSourceClickHouseOptions,
  type TraceProjectionStoreClickHouseOptions,
  traceLagSourceClickHouse,
  traceProjectionStoreClickHouse,
} from "./traceStores.js";
