import { EventSourcingError } from "../errors/eventSourcingError.js";
import type { FoldStep } from "../handlers/eventFold.js";

const NO_PROMISE =
  "`handle` is asynchronous. It must return the projection itself, not a promise: a projection is a pure function of " +
  "the events. Do what has to be awaited in a hook, or before the event is stored.";

/** @throws EventSourcingError `INVALID_OPTIONS` for an `async` function; others are known by what they return */
export function assertSynchronous(handle: unknown): void {
  if (Object.prototype.toString.call(handle) !== "[object AsyncFunction]") return;
  throw new EventSourcingError("INVALID_OPTIONS", `The event handler's ${NO_PROMISE}`);
}

/** Returns what a handler returned. @throws TypeError for a promise */
export function settled<T>(returned: T): T {
  if (typeof (returned as { then?: unknown } | null | undefined)?.then !== "function") return returned;
  // Nobody will wait for it: without this its rejection would end the process.
  Promise.resolve(returned).catch(() => undefined);
  throw new TypeError(NO_PROMISE);
}

/** Returns a step of a fold. @throws TypeError for a promise, or a projection that is one */
export function settledStep<TProjection>(step: FoldStep<TProjection>): FoldStep<TProjection> {
  const taken = settled(step);
  if (taken.done) settled(taken.projection);
  return taken;
}
