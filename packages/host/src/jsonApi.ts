import type { TenantId } from "@es/core";
import { inTurns } from "@es/core/adapter";
import { type Context, type Env, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { compressAnswers } from "./compressAnswers.js";
import { jsonInSteps } from "./jsonInSteps.js";

/** Answered as it is: with its status, and `{ error: { code, message } }`. The message says what to do instead. */
export class RequestError extends Error {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ContentfulStatusCode,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = "RequestError";
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export interface JsonApiOptions {
  /** What to answer for an error that is not a `RequestError`; without one, or for `undefined`, it is 500 `INTERNAL`. */
  readonly answerFor?: (error: unknown) => RequestError | undefined;
  /** Told of every error the client did not cause: those of status 500 and above. */
  readonly onError: (error: unknown) => void;
}

/** An app for JSON routes and pages: errors are JSON (`{ error: { code, message } }`), and what is long is compressed. */
export function createJsonApi<TEnv extends Env = Env>({ answerFor, onError }: JsonApiOptions): Hono<TEnv> {
  const app = new Hono<TEnv>();
  app.use(compressAnswers);
  app.notFound((context) =>
    answer(
      context,
      new RequestError(404, "NOT_FOUND", `There is nothing at ${context.req.method} ${context.req.path}`),
    ),
  );
  app.onError((error, context) => {
    const known = error instanceof RequestError ? error : answerFor?.(error);
    if (known === undefined || known.status >= 500) onError(error);
    return answer(
      context,
      known ?? new RequestError(500, "INTERNAL", "The request failed; the log says why"),
    );
  });
  return app;
}

function answer(context: Context, { status, code, message, headers }: RequestError): Response {
  return context.json({ error: { code, message } }, status, { ...headers });
}

/**
 * Answers with a JSON value that may be large: it is written in steps, between which others go on. Owners take turns; a client
 * that leaves ends it.
 *
 * @throws EventSourcingError `ABORTED`
 */
export async function answerJson(context: Context, owner: TenantId, value: object): Promise<Response> {
  const pieces = await inTurns(jsonInSteps(value), owner, context.req.raw.signal);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return context.body(streamOf(pieces), 200, {
    "content-type": "application/json",
    "content-length": String(length),
  });
}

function streamOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      const piece = pieces[next++];
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
}
