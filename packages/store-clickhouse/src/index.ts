export { selectList } from "./aggregateRows.js";
export {
  AggregateSourceClickHouse,
  type AggregateSourceClickHouseOptions,
} from "./aggregateSourceClickHouse.js";
export { BinaryReader } from "./binaryReader.js";
export type { BinaryColumn } from "./binaryRows.js";
export { classifyClickHouseError, isResultTooLarge, type Operation } from "./clickHouseErrors.js";
export { Coalescer, type CoalescerLimits, type CoalescerOptions, type Settled } from "./coalescer.js";
export { EventStoreClickHouse, type EventStoreClickHouseOptions } from "./eventStoreClickHouse.js";
export { type EventsTableOptions, eventsTable } from "./eventsTable.js";
export type {
  BinaryEventRead,
  BinaryEventRows,
  EventRowKey,
  EventTable,
  EventTableColumns,
  Row,
  SelectedColumn,
} from "./eventTable.js";
export { generationChangesTable, generationClickHouseMigrations } from "./generationChangesTable.js";
export {
  GenerationStorageClickHouse,
  type GenerationStorageClickHouseOptions,
} from "./generationStorageClickHouse.js";
export { qualifiedName, quoteIdentifier } from "./identifier.js";
export type { EncodedRows } from "./insertLines.js";
export { keyedTableSettings } from "./keyedTables.js";
export { LagSourceClickHouse, type LagSourceClickHouseOptions } from "./lagSourceClickHouse.js";
export { type ClickHouseAgentOptions, createClickHouseAgent, repeating } from "./lostConnection.js";
export { type AppliedMigration, type MigrateOptions, type MigrateResult, migrate } from "./migrate.js";
export type {
  ColumnDescription,
  IndexDescription,
  Migration,
  MigrationSet,
  MigrationStep,
  TableAddition,
  TableDescription,
  ViewDescription,
} from "./migration.js";
export { type MigrationTarget, migrationStatements } from "./migrationStatements.js";
export { LowCardinalityColumn } from "./native/lowCardinalityColumn.js";
export { MapColumn } from "./native/mapColumn.js";
export { NativeBytes } from "./native/nativeBytes.js";
export {
  ProjectionStoreClickHouse,
  type ProjectionStoreClickHouseOptions,
} from "./projectionStoreClickHouse.js";
export { type ProjectionsTableOptions, projectionsTable } from "./projectionsTable.js";
export type { ProjectionTable, ProjectionTableColumns, TypedColumn } from "./projectionTable.js";
export { replayClickHouseMigrations } from "./replayClickHouseMigrations.js";
export { ReplayStoreClickHouse, type ReplayStoreClickHouseOptions } from "./replayStoreClickHouse.js";
export { insertSettings, readSettings } from "./requestSettings.js";
export { storeClickHouseMigrations } from "./storeClickHouseMigrations.js";
export { defaultReadLimits, defaultWriteLimits } from "./storeLimits.js";
export type { StoreClickHouseOptions } from "./storeOptions.js";
