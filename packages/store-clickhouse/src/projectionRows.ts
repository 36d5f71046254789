import { type ProjectionRecord, parseProjectionVersion, type TenantId } from "@es/core";
import { projectionTexts } from "@es/core/adapter";
import { insertStatement } from "./insertLines.js";
import { NativeBytes } from "./native/nativeBytes.js";
import { type ValueWriter, valueWriter } from "./native/valueWriter.js";
import type { ProjectionTable } from "./projectionTable.js";

/** Makes rows of records, for one insert statement. */
export interface ProjectionRows<TProjection> {
  readonly insert: string;
  /** @throws TypeError, RangeError for what the table cannot hold; what the table's own functions throw */
  encode(record: ProjectionRecord<string, TProjection>, tenantId: TenantId): Uint8Array;
}

/** In binary where the types of all columns are known, which costs both sides a fraction; else as JSON. */
export function projectionRows<TProjection>(
  tableName: string,
  table: ProjectionTable<TProjection>,
): ProjectionRows<TProjection> {
  const names = columnNames(table);
  const typed: ColumnWriter[] = [];
  for (const column of table.typedColumns ?? []) {
    const write = typeof column === "string" ? undefined : valueWriter(column.type);
    if (typeof column === "string" || write === undefined) return jsonRows(tableName, table, names);
    typed.push({ name: column.name, write });
  }
  const fixed = Object.values(table.fixed ?? {});
  const rows = new RowBuffer();
  return {
    insert: insertStatement(tableName, names, "RowBinary"),
    encode(record, tenantId) {
      const { projection, metadata } = projectionTexts(record, table);
      const row = table.toTypedColumns?.(record, tenantId, projection) ?? {};
      return rows.add((out) => {
        out.text(tenantId);
        out.text(record.aggregateId);
        writeVersion(out, parseProjectionVersion(String(record.version)));
        out.text(projection);
        out.text(metadata);
        for (const value of fixed) out.text(value);
        for (const { name, write } of typed) writeColumn(out, name, write, row[name]);
      });
    },
  };
}

/** The reference of the binary rows. */
function jsonRows<TProjection>(
  tableName: string,
  table: ProjectionTable<TProjection>,
  names: readonly string[],
): ProjectionRows<TProjection> {
  const { columns, fixed } = table;
  return {
    insert: insertStatement(tableName, names),
    encode(record, tenantId) {
      const { projection, metadata } = projectionTexts(record, table);
      const row = {
        ...table.toTypedColumns?.(record, tenantId, projection),
        ...fixed,
        [columns.tenantId]: tenantId,
        [columns.aggregateId]: record.aggregateId,
        [columns.version]: String(parseProjectionVersion(String(record.version))),
        [columns.projection]: projection,
        [columns.metadata]: metadata,
      };
      return Buffer.from(`${JSON.stringify(row)}\n`);
    },
  };
}

interface ColumnWriter {
  readonly name: string;
  readonly write: ValueWriter;
}

const writeVersion = valueWriter("UInt256") as ValueWriter;

function columnNames({
  columns,
  fixed = {},
  typedColumns = [],
}: Pick<ProjectionTable, "columns" | "fixed" | "typedColumns">): readonly string[] {
  return [
    columns.tenantId,
    columns.aggregateId,
    columns.version,
    columns.projection,
    columns.metadata,
    ...Object.keys(fixed),
    ...typedColumns.map((column) => (typeof column === "string" ? column : column.name)),
  ];
}

function writeColumn(out: NativeBytes, name: string, write: ValueWriter, value: unknown): void {
  try {
    write(out, value);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`${name}: ${reason}`, { cause });
  }
}

const BUFFER_BYTES = 256 * 2 ** 10;

/** Rows one behind the other: those of one insert mostly are one piece of memory. */
class RowBuffer {
  #out = new NativeBytes(BUFFER_BYTES);

  /** @param write whose throw leaves nothing behind */
  add(write: (out: NativeBytes) => void): Uint8Array {
    // About what a row takes is left free: a buffer that grows is copied.
    if (this.#out.length > BUFFER_BYTES * 0.9) this.#out = new NativeBytes(BUFFER_BYTES);
    const out = this.#out;
    const start = out.length;
    try {
      write(out);
    } catch (error) {
      out.length = start;
      throw error;
    }
    return out.bytes.subarray(start, out.length);
  }
}
