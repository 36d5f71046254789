import { Readable } from "node:stream";
import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import { quoteIdentifier } from "./identifier.js";
import { againIfLost } from "./lostConnection.js";

/** Rows of one call, already as JSONEachRow. */
export interface Lines {
  readonly text: string;
  readonly bytes: number;
  readonly rows: number;
}

/** Rows that are encoded already, and name their columns themselves. */
export interface EncodedRows {
  /** The bytes are one block of this format. */
  readonly format: "Native";
  /** Asked for when they are sent, and not before: until then they may still be made. */
  readonly bytes: Uint8Array;
  /** How many bytes, about, as far as is known when they are given to be stored. */
  readonly byteLength: number;
  readonly rows: number;
}

export function insertStatement(
  tableName: string,
  columns: readonly string[],
  format: "JSONEachRow" | "RowBinary" | EncodedRows["format"] = "JSONEachRow",
): string {
  return `INSERT INTO ${tableName} (${columns.map(quoteIdentifier).join(", ")}) FORMAT ${format}`;
}

/** One round trip. When it resolves ClickHouse has acknowledged every row. */
export function insertLines(
  client: ClickHouseClient,
  statement: string,
  lines: readonly Lines[],
  settings: ClickHouseSettings,
): Promise<void> {
  const chunks = lines.map(({ text }) => Buffer.from(text));
  return insertChunks(client, statement, chunks, settings);
}

/** The same of rows in any format. */
export async function insertChunks(
  client: ClickHouseClient,
  statement: string,
  chunks: readonly Uint8Array[],
  settings: ClickHouseSettings,
): Promise<void> {
  const pieces = joined(chunks);
  // Rows are stored by key, so storing them twice changes nothing.
  await againIfLost(async () => {
    const { stream } = await client.exec({
      query: statement,
      values: Readable.from(pieces, { objectMode: false }),
      clickhouse_settings: settings,
    });
    // Only an answer read to its end is an acknowledgement, and frees the socket.
    for await (const _ of stream);
  });
}

/** As few chunks as there are pieces of memory: each is sent by itself. */
function joined(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (const chunk of chunks) {
    const last = pieces.at(-1);
    if (last?.buffer === chunk.buffer && last.byteOffset + last.byteLength === chunk.byteOffset) {
      const { buffer, byteOffset, byteLength } = last;
      pieces[pieces.length - 1] = Buffer.from(buffer, byteOffset, byteLength + chunk.byteLength);
    } else pieces.push(chunk);
  }
  return pieces;
}

/** Joins rows into chunks of at most `maxBytes`; a larger row is a chunk by itself. */
export class LineChunks {
  readonly #maxBytes: number;
  readonly #chunks: Lines[] = [];
  #texts: string[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(row: string): void {
    const text = `${row}\n`;
    const size = Buffer.byteLength(text);
    if (this.#bytes + size > this.#maxBytes) this.#close();
    this.#texts.push(text);
    this.#bytes += size;
  }

  finish(): readonly Lines[] {
    this.#close();
    return this.#chunks;
  }

  #close(): void {
    if (this.#texts.length > 0) {
      this.#chunks.push({ text: this.#texts.join(""), bytes: this.#bytes, rows: this.#texts.length });
    }
    this.#texts = [];
    this.#bytes = 0;
  }
}
