import type { ProjectionCodec, ProjectionRecord, TenantId } from "@es/core";
import type { Row } from "./eventTable.js";
import type { MigrationSet } from "./migration.js";

/** The columns every projection table has, under the names this one gives them. */
export interface ProjectionTableColumns {
  /** String, first in the sorting key. */
  readonly tenantId: string;
  /** String, last in the sorting key. */
  readonly aggregateId: string;
  /** UInt256, the version of the ReplacingMergeTree. */
  readonly version: string;
  /** String, what `encode` gives. */
  readonly projection: string;
  /** String, the record's metadata as JSON. */
  readonly metadata: string;
}

/** A column that people filter on. With its type, as ClickHouse spells it, it can be written in binary. */
export type TypedColumn = string | { readonly name: string; readonly type: string };

/**
 * Keeps one kind of projection in a table: a `ReplacingMergeTree(version)` with the sorting key
 * (tenantId, …fixed, aggregateId). `encode` and `decode` are for projections that are no JSON values.
 */
export interface ProjectionTable<TProjection = unknown> extends ProjectionCodec<TProjection> {
  /** Without the database. */
  readonly name: string;
  readonly columns: ProjectionTableColumns;
  /** String columns with one value for all of this table's records, for tables that hold several kinds. @default {} */
  readonly fixed?: Readonly<Record<string, string>>;
  /**
   * The columns `toTypedColumns` fills. Where the type of each is given and known, rows are written in binary: a value that a
   * column cannot hold is then refused before anything is sent. Known are `String`, `Bool`, `UInt64`, `Int64`, `UInt256`,
   * `Decimal` of 19 to 38 digits, and `LowCardinality`, `Nullable`, `Array` and `Map` of these. @default []
   */
  readonly typedColumns?: readonly TypedColumn[];
  /**
   * Columns of their own for what people filter on. JSON values only: 64-bit integers as decimal strings.
   *
   * @param text what the column of the projection will hold
   */
  toTypedColumns?(record: ProjectionRecord<string, TProjection>, tenantId: TenantId, text: string): Row;
  /** Puts the aggregate id of every span under `trace.id` too. @default false */
  readonly aggregatesAreTraces?: boolean;
  /** What makes the table; error messages name its component. */
  readonly migrations: MigrationSet;
}
