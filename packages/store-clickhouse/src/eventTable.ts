import type { Event, TenantId } from "@es/core";
import type { BinaryReader } from "./binaryReader.js";
import type { BinaryColumn } from "./binaryRows.js";
import type { MigrationSet } from "./migration.js";

/** One row as JSONEachRow writes and reads it: 64-bit integers are decimal strings, maps are objects. */
export type Row = Readonly<Record<string, unknown>>;

/** The columns every event table has, under the names this one gives them. */
export interface EventTableColumns {
  /** String, first in the sorting key. */
  readonly tenantId: string;
  /** String, second in the sorting key. */
  readonly aggregateId: string;
  /** String, last in the sorting key. Unique within the aggregate. */
  readonly eventId: string;
  /** UInt64, Unix nanoseconds, the version of the ReplacingMergeTree. */
  readonly acceptedAt: string;
}

/**
 * What to read: a column, or an expression under a name of its own, such as
 * `{ name: "StartTime", expression: "toUnixTimestamp64Nano(Timestamp)" }`. The name must differ from every column the
 * expression reads.
 */
export type SelectedColumn = string | { readonly name: string; readonly expression: string };

/** What every row says, whatever its event is. */
export interface EventRowKey {
  readonly tenantId: string;
  readonly aggregateId: string;
  readonly eventId: string;
  readonly acceptedAt: bigint;
}

/** Reads what follows the columns of the key in one row, to its end. What it returns makes the event, or throws. */
export type BinaryEventRead<TEvent> = (reader: BinaryReader, key: EventRowKey) => () => TEvent;

/** Rows in ClickHouse's `RowBinary`, which takes both sides a fraction of the time. */
export interface BinaryEventRows<TEvent> {
  /** What is read, in this order. `expression` is what to select, if not the column itself. */
  readonly columns: readonly (BinaryColumn & { readonly expression?: string })[];
  /**
   * For the rows of one aggregate, and one caller who asked for it: their events may share values, and nobody else has them.
   * It may be given a row again that had not arrived as a whole.
   */
  begin(): BinaryEventRead<TEvent>;
}

/**
 * Keeps one kind of event in a table of its own. The table is a `ReplacingMergeTree(acceptedAt)` with the sorting key
 * (tenantId, aggregateId, eventId); everything between those columns and the event is decided here.
 */
export interface EventTable<TEvent extends Event = Event> {
  /** Without the database. */
  readonly name: string;
  readonly columns: EventTableColumns;
  /** The columns `toRow` fills, those of `columns` included. */
  readonly insertColumns: readonly string[];
  /**
   * JSON values only: 64-bit integers as decimal strings. A throw refuses the event, and with it the whole call, as
   * `INVALID_EVENT` before anything is written.
   */
  toRow(event: TEvent, tenantId: TenantId): Row;
  /** What `fromRow` needs; those of `columns` are always there. 64-bit and larger integers arrive as strings. */
  readonly selectColumns: readonly SelectedColumn[];
  /** The event that `toRow` was given. A throw is reported as `EVENT_UNDECODABLE` of this aggregate alone. */
  fromRow(row: Row): TEvent;
  /**
   * Whether nobody can change anything in the events that `fromRow` returns. Their lists are frozen then, too, and may be
   * shared. @default false: each caller gets events of its own
   */
  readonly givesFrozen?: boolean;
  /** The faster way to read: the same events as by `fromRow`, the same rows refused. @default by `fromRow` */
  readonly binary?: BinaryEventRows<TEvent>;
  /** Puts the aggregate id of every span under `trace.id` too. @default false */
  readonly aggregatesAreTraces?: boolean;
  /** What makes the table; error messages name its component. */
  readonly migrations: MigrationSet;
}
