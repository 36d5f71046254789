import { createHash, timingSafeEqual } from "node:crypto";
import { isLoopbackHost, isSentToLoopback, RequestError } from "@es/host";
import type { Context, MiddlewareHandler } from "hono";
import { z } from "zod";

export interface OperationsAccess {
  /** Where the server listens. Without a token only a loopback host serves operations. */
  readonly host: string;
  /** What a request shows as `Authorization: Bearer …`. */
  readonly token?: string | undefined;
}

/** `OPERATIONS_TOKEN`, for a configuration's schema. */
export const operationsTokenVariable = z
  .string()
  .regex(/^[\x21-\x7e]{16,1024}$/, {
    error: "expected 16 to 1024 visible ASCII characters, such as `openssl rand -hex 32` prints",
  })
  .optional();

/**
 * Lets through whoever shows the token; without a token, programs of this machine. A web page can make a browser send
 * requests to a loopback address, so what looks like one is refused: another site's origin, a name that merely resolves to
 * this machine, a body that needs no preflight.
 */
export function operationsGuard({ host, token }: OperationsAccess): MiddlewareHandler {
  const expected = token === undefined ? undefined : digest(token);
  return async (context, next) => {
    if (expected === undefined) assertLocal(context, host);
    else assertToken(context, expected);
    assertNoWebPage(context);
    await next();
  };
}

function assertToken(context: Context, expected: Buffer): void {
  const given = /^Bearer +(.+)$/i.exec(context.req.header("authorization") ?? "")?.[1];
  if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
  throw new RequestError(
    401,
    "UNAUTHORIZED",
    given === undefined
      ? "Operations need the header `Authorization: Bearer <OPERATIONS_TOKEN>`"
      : "The token is not this worker's OPERATIONS_TOKEN",
    { "www-authenticate": "Bearer" },
  );
}

function assertLocal(context: Context, host: string): void {
  if (!isLoopbackHost(host)) {
    throw new RequestError(
      403,
      "OPERATIONS_DISABLED",
      `Operations are not served on ${host} without a token: set OPERATIONS_TOKEN`,
    );
  }
  if (!isSentToLoopback(context.req.header("host"))) {
    throw new RequestError(
      403,
      "FORBIDDEN",
      "Without OPERATIONS_TOKEN, operations are served at 127.0.0.1, [::1] and localhost only",
    );
  }
}

function assertNoWebPage(context: Context): void {
  const site = context.req.header("sec-fetch-site");
  if (context.req.header("origin") !== undefined || (site !== undefined && site !== "none")) {
    throw new RequestError(403, "FORBIDDEN", "Operations are not for web pages");
  }
  const type = context.req.header("content-type") ?? "";
  if (context.req.method !== "GET" && !/^application\/json\s*(?:;|$)/i.test(type)) {
    throw new RequestError(415, "UNSUPPORTED_MEDIA_TYPE", "Send `content-type: application/json`");
  }
}

/** Of one length whatever the text's, as `timingSafeEqual` needs. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
