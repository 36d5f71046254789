import { Duplex } from "node:stream";
import { promisify } from "node:util";
import { createGzip, gzip } from "node:zlib";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";

const compress = promisify(gzip);

/** Below this an answer fits the first packets anyway. */
const SMALLEST_BYTES = 1_024;
/** A third of the time of the default level; JSON of spans becomes a 30th all the same. */
const LEVEL = 3;
/** Few and large pieces: each is a task of Node's thread pool. */
const CHUNK_BYTES = 256 * 1_024;
/** Larger answers that say how large they are pass through in pieces: making one buffer of 20 MB stops everything else. */
const LARGEST_AT_ONCE = 256 * 1_024;

/**
 * Compresses answers in JSON and HTML above 1 KB by gzip for clients that accept it, outside the event loop. Streams of lines
 * (`application/x-ndjson`) pass as they are, for their lines must not wait.
 */
export const compressAnswers = createMiddleware(async (context, next) => {
  await next();
  const { headers } = context.res;
  if (!/^(?:application\/json|text\/html)\b/i.test(headers.get("content-type") ?? "")) return;
  if (context.res.body === null || headers.has("content-encoding")) return;
  // Also of an answer that is not compressed: another client's might be.
  context.header("vary", "accept-encoding", { append: true });
  if (context.req.method === "HEAD" || !acceptsGzip(context.req.header("accept-encoding"))) return;
  const { status, body: stream } = context.res;
  if (Number(headers.get("content-length") ?? 0) > LARGEST_AT_ONCE) {
    const compressing = Duplex.toWeb(createGzip({ level: LEVEL, chunkSize: CHUNK_BYTES })) as BytePair;
    answerCompressed(context, stream.pipeThrough(compressing));
    return;
  }
  const body = Buffer.from(await context.res.arrayBuffer());
  if (body.length <= SMALLEST_BYTES) {
    context.res = new Response(body, { status, headers });
    return;
  }
  const compressed = await compress(body, {
    level: LEVEL,
    chunkSize: CHUNK_BYTES,
  });
  answerCompressed(context, compressed);
});

function answerCompressed(context: Context, body: ConstructorParameters<typeof Response>[0]): void {
  const { status, headers } = context.res;
  context.res = new Response(body, { status, headers });
  // Hono gives a new answer what the one before had.
  context.res.headers.set("content-encoding", "gzip");
  context.res.headers.delete("content-length");
}

interface BytePair {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>;
}

/** By RFC 9110, 12.5.3. A client that weighs the encodings and prefers none gets none. */
export function acceptsGzip(header: string | undefined): boolean {
  const weights = new Map<string, number>();
  for (const item of (header ?? "").split(",")) {
    const [coding = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    const value = weight === undefined ? 1 : Number(weight.slice(2));
    if (coding !== "") weights.set(coding, Number.isFinite(value) ? value : 0);
  }
  const forGzip = weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0;
  return forGzip > 0 && forGzip >= (weights.get("identity") ?? 0);
}
