import type { IncomingMessage } from "node:http";

/** As much, and as long without a byte, a client may go on sending behind its answer. */
const mostBytes = 1024 * 1024 * 1024;
const idleMs = 10_000;

/**
 * Takes what is still coming of a request that was answered early, and throws it away. Many clients read their answer only when
 * all is sent, and closing a connection with unread data destroys an answer that is on its way.
 */
export function discardRemainder(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const giveUp = () => request.destroy();
  let timer = setTimeout(giveUp, idleMs).unref();
  let size = 0;
  request.unpipe();
  request.removeAllListeners("readable");
  request.on("error", () => {});
  request.once("close", () => clearTimeout(timer));
  request.once("end", () => clearTimeout(timer));
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    clearTimeout(timer);
    if (size > mostBytes) giveUp();
    else timer = setTimeout(giveUp, idleMs).unref();
  });
  // Only in the next turn has the stream noticed that nobody waits for "readable" any more.
  setImmediate(() => request.resume());
}
