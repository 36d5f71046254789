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
export function chunkLines(rows: Iterable<string>, maxBytes: number): readonly Lines[] {
  const chunks: Lines[] = [];
  let texts: string[] = [];
  let bytes = 0;
  const close = () => {
    if (texts.length > 0) chunks.push({ text: texts.join(""), bytes, rows: texts.length });
    texts = [];
    bytes = 0;
  };
  for (const row of rows) {
    const text = `${row}\n`;
    const size = Buffer.byteLength(text);
    if (bytes + size > maxBytes) close();
    texts.push(text);
    bytes += size;
  }
  close();
  return chunks;
}
