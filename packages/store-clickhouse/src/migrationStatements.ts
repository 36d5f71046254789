import { EventSourcingError } from "@es/core";
import { qualifiedName, quoteIdentifier, quoteString } from "./identifier.js";
import type {
  ColumnDescription,
  IndexDescription,
  MigrationStep,
  TableAddition,
  TableDescription,
  ViewDescription,
} from "./migration.js";

export interface MigrationTarget {
  /** @default the client's own */
  readonly database?: string;
  /** Name of the cluster, as `system.clusters` has it. @default one server */
  readonly cluster?: string;
}

/** The SQL of one step. Every statement may be run any number of times. */
export function migrationStatements(step: MigrationStep, target: MigrationTarget = {}): readonly string[] {
  switch (step.kind) {
    case "table":
      return tableStatements(step, target);
    case "view":
      return [viewStatement(step, target)];
    case "addition":
      return additionStatements(step, target);
  }
}

export function onCluster({ cluster }: MigrationTarget): string {
  return cluster === undefined ? "" : ` ON CLUSTER ${quoteIdentifier(cluster)}`;
}

/** The table that holds the data: on a cluster the Distributed one has the plain name. */
export function localName(name: string, { cluster }: MigrationTarget): string {
  return cluster === undefined ? name : `${name}_local`;
}

function tableStatements(table: TableDescription, target: MigrationTarget): readonly string[] {
  const { database, cluster } = target;
  const local = qualifiedName(database, localName(table.name, target));
  const elements = [...table.columns.map(columnClause), ...(table.indexes ?? []).map(indexClause)];
  const version = quoteIdentifier(table.versionColumn);
  const engine =
    cluster === undefined
      ? `ReplacingMergeTree(${version})`
      : `ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', ${version})`;
  const clauses = [
    `CREATE TABLE IF NOT EXISTS ${local}${onCluster(target)} (\n  ${elements.join(",\n  ")}\n)`,
    `ENGINE = ${engine}`,
    ...(table.partitionBy === undefined ? [] : [`PARTITION BY ${table.partitionBy}`]),
    ...(table.primaryKey === undefined ? [] : [`PRIMARY KEY (${names(table.primaryKey)})`]),
    `ORDER BY (${names(table.orderBy)})`,
    ...(table.ttl === undefined ? [] : [`TTL ${table.ttl}`]),
    ...settingsClause(table.settings),
  ];
  if (cluster === undefined) return [clauses.join("\n")];
  const databaseArgument = database === undefined ? "currentDatabase()" : quoteString(database);
  const distributed =
    `CREATE TABLE IF NOT EXISTS ${qualifiedName(database, table.name)}${onCluster(target)} AS ${local}\n` +
    `ENGINE = Distributed(${quoteString(cluster)}, ${databaseArgument}, ` +
    `${quoteString(localName(table.name, target))}, sipHash64(${names(table.shardBy)}))`;
  return [clauses.join("\n"), distributed];
}

function viewStatement(view: ViewDescription, target: MigrationTarget): string {
  const name = qualifiedName(target.database, view.name);
  const select = view.select((table) => qualifiedName(target.database, table));
  return `CREATE OR REPLACE VIEW ${name}${onCluster(target)} AS\n${select}`;
}

function additionStatements(addition: TableAddition, target: MigrationTarget): readonly string[] {
  const columns = (addition.columns ?? []).map(
    (column) => `ADD COLUMN IF NOT EXISTS ${columnClause(column)}`,
  );
  const indexes = (addition.indexes ?? []).map((index) => `ADD ${indexClause(index, true)}`);
  if (columns.length + indexes.length === 0) {
    throw new EventSourcingError("INVALID_OPTIONS", `An addition to ${addition.table} adds nothing.`);
  }
  const alter = (table: string, changes: readonly string[]) =>
    `ALTER TABLE ${qualifiedName(target.database, table)}${onCluster(target)}\n  ${changes.join(",\n  ")}`;
  return [
    alter(localName(addition.table, target), [...columns, ...indexes]),
    // A Distributed table has columns, but nothing to index.
    ...(target.cluster !== undefined && columns.length > 0 ? [alter(addition.table, columns)] : []),
  ];
}

function columnClause(column: ColumnDescription): string {
  return [
    quoteIdentifier(column.name),
    column.type,
    ...(column.defaultClause === undefined ? [] : [column.defaultClause]),
    ...(column.comment === undefined ? [] : [`COMMENT ${quoteString(column.comment)}`]),
    ...(column.codec === undefined ? [] : [`CODEC(${column.codec})`]),
  ].join(" ");
}

function indexClause(
  { name, expression, type, granularity = 1 }: IndexDescription,
  ifNotExists: unknown,
): string {
  const guard = ifNotExists === true ? "IF NOT EXISTS " : "";
  return `INDEX ${guard}${quoteIdentifier(name)} ${expression} TYPE ${type} GRANULARITY ${granularity}`;
}

function names(columns: readonly string[]): string {
  return columns.map(quoteIdentifier).join(", ");
}

function settingsClause(settings: TableDescription["settings"]): readonly string[] {
  const entries = Object.entries(settings ?? {});
  if (entries.length === 0) return [];
  const written = entries.map(
    ([name, value]) => `${name} = ${typeof value === "number" ? value : quoteString(value)}`,
  );
  return [`SETTINGS ${written.join(", ")}`];
}
