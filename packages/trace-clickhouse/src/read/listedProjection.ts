import type { TraceContent, TraceProjection } from "@es/trace-projection";

/** Bytes of a projection below which leaving its messages out is not worth a second text. */
const SMALL_PROJECTION = 8_192;

/** What the column `Listed` holds of a projection whose text this is. */
export function listedText(projection: TraceProjection, text: string): string {
  const { input, output } = projection;
  if (text.length < SMALL_PROJECTION) return "";
  if (input?.messages === undefined && output?.messages === undefined) return "";
  return JSON.stringify(dropMessages(projection));
}

export function dropMessages(projection: TraceProjection): TraceProjection {
  const drop = (content: TraceContent | null) => {
    if (content === null) return null;
    const { messages: _, ...rest } = content;
    return rest;
  };
  return { ...projection, input: drop(projection.input), output: drop(projection.output) };
}

/**
 * Selects `id`, `version` and the text of projections without their messages; of each projection all its rows. Where `Listed`
 * has that text, the whole projection is not read. Of rows from before this column the engine cuts the messages out.
 *
 * @param where the condition on rows
 */
export function selectListed(table: string, where: string): string {
  const rows = (text: string, listed: string) =>
    `SELECT TraceId AS id, Version AS version, ${text} AS text FROM ${table} PREWHERE ${listed} WHERE ${where}`;
  return `${rows("Listed", "ListedLength > 0")} UNION ALL ${rows(withoutMessages("Projection"), "ListedLength = 0")}`;
}

/**
 * The text of a projection without its message lists where the engine can tell where they are: where ClickHouse writes them
 * as we did, and nothing else in the text is the same. The others are dropped once they are here.
 */
function withoutMessages(column: string): string {
  const without = (text: string, member: string) => {
    const list = `concat('"messages":', JSONExtractRaw(${column}, '${member}', 'messages'), ',')`;
    return `if(countSubstrings(${text}, ${list}) = 1, replaceOne(${text}, ${list}, ''), ${text})`;
  };
  return `if(length(${column}) < ${SMALL_PROJECTION}, ${column}, ${without(without(column, "input"), "output")})`;
}
