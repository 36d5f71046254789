import { EXCEPTION_TAG_HEADER_NAME, extractErrorAtTheEndOfChunk } from "@clickhouse/client";

/**
 * The chunks of a result. ClickHouse fails in the middle of a long one by writing the error behind what it has sent, and
 * breaking the connection off: then this throws that error, which says what the loss of a connection does not. The client
 * does so only for results that it parses.
 *
 * @param headers of the response; they name the tag that such an error stands between
 */
export async function* withErrorBehind(
  stream: AsyncIterable<unknown>,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): AsyncGenerator<Buffer, void> {
  let previous: Buffer = Buffer.alloc(0);
  let last: Buffer = Buffer.alloc(0);
  const throwErrorBehind = (): void => {
    const tag = headers[EXCEPTION_TAG_HEADER_NAME];
    if (typeof tag !== "string") return;
    const end = Buffer.concat([previous, last]);
    if (end.includes(`\r\n__exception__\r\n${tag}\r\n`)) throw extractErrorAtTheEndOfChunk(end, tag);
  };
  try {
    for await (const chunk of stream) {
      previous = last;
      last = chunk as Buffer;
      yield last;
    }
  } catch (error) {
    throwErrorBehind();
    throw error;
  }
  throwErrorBehind();
}
