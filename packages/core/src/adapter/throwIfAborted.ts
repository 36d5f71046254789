import { EventSourcingError } from "../errors/eventSourcingError.js";

/** @throws EventSourcingError `ABORTED` if the signal is aborted, with the signal's reason as its cause */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal);
}

export function abortedError(signal: AbortSignal | undefined): EventSourcingError {
  return new EventSourcingError("ABORTED", "It was given up before it ended.", { cause: signal?.reason });
}
