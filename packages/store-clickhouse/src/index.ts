export type { EventTable, EventTableColumns, Row, SelectedColumn } from "./eventTable.js";
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
export type { ProjectionTable, ProjectionTableColumns } from "./projectionTable.js";
