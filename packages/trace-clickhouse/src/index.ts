export {
  defaultExplainLimits,
  type ExplainLimits,
  type ExplainRead,
  type ListTracesOptions,
  type TraceList,
  TraceReadRepositoryClickHouse,
  type TraceReadRepositoryOptions,
} from "./read/traceReadRepositoryClickHouse.js";
export { spanTable } from "./tables/spanTable.js";
export {
  createTraceClickHouseMigrations,
  type TraceClickHouseMigrationsOptions,
  traceClickHouseMigrations,
  traceGenerationMigrations,
} from "./tables/traceClickHouseMigrations.js";
export { traceGenerationStorageClickHouse } from "./tables/traceGenerationStorageClickHouse.js";
export { traceProjectionTable } from "./tables/traceProjectionTable.js";
export {
  EventStoreClickHouse,
  ProjectionStoreClickHouse,
  type SpanEventStoreClickHouseOptions,
  spanEventStoreClickHouse,
  type TraceLagSourceClickHouseOptions,
  type TraceProjectionStoreClickHouseOptions,
  traceLagSourceClickHouse,
  traceProjectionStoreClickHouse,
} from "./tables/traceStores.js";
export type { EncodedSpans } from "./write/spanBlockEncoder.js";
export {
  type CreateSpanEncoderOptions,
  type SpanEventWriter,
  SpanIngestionWriteRepositoryClickHouse,
  type SpanIngestionWriteRepositoryOptions,
  type StoreSpansResult,
} from "./write/spanIngestionWriteRepositoryClickHouse.js";
