export {
  type ListSessionsOptions,
  type SessionList,
  SessionReadRepositoryClickHouse,
  type SessionReadRepositoryOptions,
  type SessionSummaryJson,
} from "./sessionReadRepositoryClickHouse.js";
export { sessionEventStoreClickHouse, sessionGenerationStorageClickHouse } from "./sessionStores.js";
export { sessionClickHouseMigrations, sessionEventTable, sessionProjectionTable } from "./sessionTables.js";
