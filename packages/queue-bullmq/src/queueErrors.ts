import { EventSourcingError, isEventSourcingError } from "@es/core";

/** Told of connection losses and of failures that no caller waits for. */
export type ErrorListener = (error: Error) => void;

/** Replies that go away by waiting: Redis is loading, failing over, out of memory or disk, or serves enough clients. */
const passing =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|ASK|MOVED|BUSY|OOM|NOREPLICAS|NOGOODSLAVE|MISCONF|UNKILLABLE|ERR max number of clients)\b/;

/** `QUEUE_REJECTED` for what Redis refused on purpose, `QUEUE_UNAVAILABLE` for all else. */
export function asQueueError(error: unknown): EventSourcingError {
  if (isEventSourcingError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const refused = error instanceof Error && error.name === "ReplyError" && !passing.test(reason);
  return refused
    ? new EventSourcingError("QUEUE_REJECTED", `Redis refused a command of the queue: ${reason}`, {
        cause: error,
      })
    : unavailable(reason, error);
}

export function unavailable(reason: string, cause?: unknown): EventSourcingError {
  return new EventSourcingError(
    "QUEUE_UNAVAILABLE",
    `Redis cannot be reached: ${reason}. The queue recovers by itself once it can.`,
    { cause },
  );
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
