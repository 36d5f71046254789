import type { Duplex } from "node:stream";

/** How long a client may go on sending behind the answer to a request that cannot be read. */
const LINGER_MS = 5_000;
/** The same for a client that was too slow already. */
const LINGER_OF_SLOW_MS = 1_000;

interface Answer {
  readonly status: string;
  readonly code: string;
  readonly message: string;
}

const unreadable: Answer = {
  status: "400 Bad Request",
  code: "BAD_REQUEST",
  message: "This is no valid HTTP/1.1 request.",
};

const answers: Readonly<Record<string, Answer>> = {
  HPE_HEADER_OVERFLOW: {
    status: "431 Request Header Fields Too Large",
    code: "HEADERS_TOO_LARGE",
    message: "The request line and the headers are too long together; send fewer or shorter ones.",
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: "413 Payload Too Large",
    code: "CHUNK_EXTENSIONS_TOO_LARGE",
    message: "The chunk extensions of the body are too long; send none.",
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: "408 Request Timeout",
    code: "REQUEST_TIMEOUT",
    message: "The request did not arrive in time; send it faster, or again.",
  },
};

const answered = new WeakSet<Duplex>();

/**
 * Answers a request that is no HTTP, too long or too slow, then closes the connection. It stays open a while for what the
 * client still sends: closing with unread data resets the connection, and the client would see the reset, not the answer.
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
  const { status, code, message } = answers[error.code ?? ""] ?? unreadable;
  const body = JSON.stringify({ error: { code, message } });
  socket.on("error", () => {});
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const isSlow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  const timer = setTimeout(() => socket.destroy(), isSlow ? LINGER_OF_SLOW_MS : LINGER_MS);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}
