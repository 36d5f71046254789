import { EventSourcingError } from "@es/core";
import { BinaryReader, INCOMPLETE } from "./binaryReader.js";

/** A column as it arrives in binary. */
export interface BinaryColumn {
  readonly name: string;
  /** As ClickHouse spells it, without `LowCardinality`, which makes no difference here. A result of another type is refused. */
  readonly type: string;
}

/**
 * Calls `read` for each row of a result in `RowBinaryWithNamesAndTypes`, as it arrives. A row that has not arrived as a whole is
 * begun again when more of it is there.
 *
 * @throws EventSourcingError `STORE_SCHEMA_MISMATCH` for other columns than these; SyntaxError for a result that ends within a row
 */
export async function readBinaryRows(
  chunks: AsyncIterable<unknown>,
  columns: readonly BinaryColumn[],
  read: (reader: BinaryReader) => void,
): Promise<void> {
  const reader = new BinaryReader();
  let pending: Buffer[] = [];
  let bytes = 0;
  let headed = false;
  /** Reads what has arrived as a whole; false if that is nothing. */
  const readOn = (): boolean => {
    const joined = pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending, bytes);
    reader.reset(joined);
    let done = 0;
    try {
      if (!headed) {
        assertColumns(reader, columns);
        headed = true;
        done = reader.position;
      }
      while (reader.remaining > 0) {
        read(reader);
        done = reader.position;
      }
    } catch (error) {
      if (error !== INCOMPLETE) throw error;
    }
    pending = done === joined.length ? [] : [joined.subarray(done)];
    bytes = joined.length - done;
    return done > 0;
  };
  let enough = 0;
  for await (const chunk of chunks) {
    pending.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    // A row of many chunks is begun again each time they have doubled, not with each of them.
    if (bytes >= enough) enough = readOn() ? 0 : 2 * bytes;
  }
  while (bytes > 0) if (!readOn()) throw new SyntaxError("the result ends within a row");
}

function assertColumns(reader: BinaryReader, columns: readonly BinaryColumn[]): void {
  const count = reader.length();
  const names = Array.from({ length: count }, () => reader.internedString());
  const types = Array.from({ length: count }, () => reader.internedString());
  const got = names.map((name, place) => `${name} ${plainType(types[place] as string)}`).join(", ");
  const expected = columns.map(({ name, type }) => `${name} ${type}`).join(", ");
  if (got === expected) return;
  throw new EventSourcingError("STORE_SCHEMA_MISMATCH", `The columns are ${got}; expected ${expected}.`);
}

/** `LowCardinality` is how a column is kept, not what it holds. */
function plainType(type: string): string {
  return type.replaceAll(/LowCardinality\((\w+)\)/g, "$1");
}
