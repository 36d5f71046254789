import type { Readable } from "node:stream";
import { ClickHouseError } from "./clickHouseError.js";
import { withinIdleTime } from "./idleTime.js";

/** The beginning of a body, and the stream that has the rest if there is more. */
export interface BodyStart {
  readonly start: Buffer;
  /** Undefined when `start` is everything. Fails with 209 when the client sends nothing for the idle timeout. */
  readonly rest: Pick<AsyncIterator<Buffer>, "next"> | undefined;
}

/**
 * Reads a body up to `limit` bytes or its end.
 * @throws {ClickHouseError} 354 when its compression is broken, 209 when the client sends nothing for `idleTimeoutMs`
 */
export async function readBodyStart(
  body: Readable,
  limit: number,
  idleTimeoutMs: number,
): Promise<BodyStart> {
  const chunks: Buffer[] = [];
  let size = 0;
  const all = chunksOf(body);
  const iterator = { next: () => withinIdleTime(all.next(), idleTimeoutMs) };
  while (size <= limit) {
    const next = await iterator.next();
    if (next.done === true) return { start: joined(chunks, size), rest: undefined };
    chunks.push(next.value);
    size += next.value.length;
  }
  return { start: joined(chunks, size), rest: iterator };
}

/**
 * Reads the rest of a body that can only be handled as a whole.
 * @throws {ClickHouseError} 229, which is HTTP 413, above `limit` bytes in all
 */
export async function readWhole(body: BodyStart, limit: number): Promise<Buffer> {
  if (body.rest === undefined) return body.start;
  const chunks = [body.start];
  let size = body.start.length;
  for (;;) {
    const next = await body.rest.next();
    if (next.done === true) return joined(chunks, size);
    chunks.push(next.value);
    size += next.value.length;
    if (size > limit) {
      throw new ClickHouseError(
        229,
        "QUERY_IS_TOO_LARGE",
        `The request body is larger than ${limit} bytes, and this kind of statement needs it whole. Only INSERT … FORMAT … and INSERT … VALUES stream.`,
      );
    }
  }
}

async function* chunksOf(body: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body) yield chunk as Buffer;
  } catch (cause) {
    const code = (cause as { readonly code?: unknown }).code;
    if (
      typeof code === "string" &&
      /^(Z_|ERR__ERROR|ERR_BROTLI|ERR_ZSTD|ZSTD_|ERR_PADDING|ERR_FORMAT)/.test(code)
    ) {
      throw new ClickHouseError(
        354,
        "ZLIB_INFLATE_FAILED",
        `The request body cannot be decompressed: ${code}`,
        {
          cause,
        },
      );
    }
    throw cause;
  }
}

function joined(chunks: readonly Buffer[], size: number): Buffer {
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
}
