import type { IncomingMessage, ServerResponse } from "node:http";

const LINGER_MS = 10_000;
const IDLE_MS = 2_000;

/**
 * Replies in full, then closes the connection if the request's body has not been read to its end.
 *
 * Closing at once would reset the connection, and a client that is still sending would see the reset instead of the
 * reply. So the body is thrown away as it comes, up to `maxDiscardedBytes`, for 10 s at most and 2 s without any byte.
 */
export function reply(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  maxDiscardedBytes: number,
): void {
  if (response.destroyed || response.headersSent) return;
  const unread = !request.complete && hasBody(request);
  response.writeHead(status, {
    ...headers,
    "Content-Length": body.length,
    ...(unread ? { Connection: "close" } : {}),
  });
  if (!unread) {
    response.end(body);
    return;
  }
  // With all announced bytes written the client has its reply; `end` would close the socket.
  response.write(body);
  let discarded = 0;
  const stop = (): void => {
    clearTimeout(total);
    clearTimeout(idle);
    request.off("data", onData);
    request.off("end", stop);
    request.off("close", stop);
    response.end(() => request.socket.destroySoon());
  };
  const onData = (chunk: Buffer): void => {
    discarded += chunk.length;
    idle.refresh();
    if (discarded > maxDiscardedBytes) stop();
  };
  const total = setTimeout(stop, LINGER_MS).unref();
  const idle = setTimeout(stop, IDLE_MS).unref();
  request.on("data", onData);
  request.on("end", stop);
  request.on("close", stop);
  request.on("error", stop);
  request.resume();
}

function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0
  );
}
