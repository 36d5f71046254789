/** A column as `CREATE TABLE` wants it. */
export interface ColumnDescription {
  readonly name: string;
  /** As ClickHouse spells it, such as `LowCardinality(String)`. */
  readonly type: string;
  /** `DEFAULT`, `MATERIALIZED` or `ALIAS` with its expression. */
  readonly defaultClause?: string;
  /** As in `CODEC(…)`, such as `Delta, ZSTD(1)`. */
  readonly codec?: string;
  readonly comment?: string;
}

export interface IndexDescription {
  readonly name: string;
  readonly expression: string;
  /** Such as `bloom_filter(0.01)`. */
  readonly type: string;
  /** @default 1 */
  readonly granularity?: number;
}

/**
 * A table, from which both forms are made: on one server a ReplacingMergeTree of this name; on a cluster a
 * ReplicatedReplacingMergeTree named `{name}_local` on every replica, and a Distributed table of this name over them.
 */
export interface TableDescription {
  readonly kind: "table";
  readonly name: string;
  readonly columns: readonly ColumnDescription[];
  readonly indexes?: readonly IndexDescription[];
  /** The version column of the ReplacingMergeTree: of rows with the same sorting key the greatest stays. */
  readonly versionColumn: string;
  readonly orderBy: readonly string[];
  /** A prefix of `orderBy`. @default orderBy */
  readonly primaryKey?: readonly string[];
  /** An expression over columns that never change. */
  readonly partitionBy?: string;
  /** As in `TTL …`. */
  readonly ttl?: string;
  /** Columns whose hash picks the shard on a cluster: rows with the same sorting key must meet on one. */
  readonly shardBy: readonly string[];
  readonly settings?: Readonly<Record<string, string | number>>;
}

export interface ViewDescription {
  readonly kind: "view";
  readonly name: string;
  /** The `SELECT`; gets the quoted, database-qualified name of any table or view of the same database. */
  select(tableName: (name: string) => string): string;
}

/** Adds what a table of an earlier version lacks. Existing columns and indexes stay as they are. */
export interface TableAddition {
  readonly kind: "addition";
  readonly table: string;
  readonly columns?: readonly ColumnDescription[];
  readonly indexes?: readonly IndexDescription[];
}

export type MigrationStep = TableDescription | ViewDescription | TableAddition;

/** Never changed once released: what comes later is a new migration. */
export interface Migration {
  /** 1, 2, 3, … */
  readonly version: number;
  /** Such as `create events`. */
  readonly name: string;
  readonly steps: readonly MigrationStep[];
}

/** The schema of one package, as the list of its changes. */
export interface MigrationSet {
  /** Names the package in the record of applied migrations, such as `store-clickhouse`. */
  readonly component: string;
  readonly migrations: readonly Migration[];
}
