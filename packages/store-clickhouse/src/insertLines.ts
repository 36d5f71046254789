import { Readable } from "node:stream";
import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import { quoteIdentifier } from "./identifier.js";

/** Rows of one call, already as JSONEachRow. */
export interface Lines {
  readonly text: string;
  readonly bytes: number;
  readonly rows: number;
}

export function insertStatement(tableName: string, columns: readonly string[]): string {
  return `INSERT INTO ${tableName} (${columns.map(quoteIdentifier).join(", ")}) FORMAT JSONEachRow`;
}

/** One round trip. When it resolves ClickHouse has acknowledged every row. */
export async function insertLines(
  client: ClickHouseClient,
  statement: string,
  lines: readonly Lines[],
  settings: ClickHouseSettings,
): Promise<void> {
  const { stream } = await client.exec({
    query: statement,
    values: Readable.from(
      lines.map(({ text }) => Buffer.from(text)),
      { objectMode: false },
    ),
    clickhouse_settings: settings,
  });
  // Only an answer read to its end is an acknowledgement, and frees the socket.
  for await (const _ of stream);
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
