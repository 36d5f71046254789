import type { Duplex } from "node:stream";

/** How long a client may go on sending behind the answer to a request that cannot be read. */
const lingerMs = 10_000;
/** The same for a client that was too slow already. */
const lingerOfSlowMs = 1_000;

const answers: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "413 Payload Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

const answered = new WeakSet<Duplex>();

/**
 * Answers a request that is no HTTP, too long or too slow. The connection stays open a while for what the client still sends: to close one
 * with unread data destroys an answer that is on its way.
 *
 * @param hasBegunAnAnswer whether a part of another answer was sent on the connection, which this one would corrupt
 */
export function answerClientError(
  error: Error & { readonly code?: string },
  socket: Duplex,
  hasBegunAnAnswer: boolean,
): void {
  // The parser finds the same fault in every further piece.
  if (answered.has(socket)) return;
  answered.add(socket);
  if (error.code === "ECONNRESET" || !socket.writable || hasBegunAnAnswer) {
    socket.destroy();
    return;
  }
  const status = answers[error.code ?? ""] ?? "400 Bad Request";
  socket.on("error", () => {});
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  const isSlow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  const timer = setTimeout(() => socket.destroy(), isSlow ? lingerOfSlowMs : lingerMs);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}
