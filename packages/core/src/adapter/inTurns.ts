import { EventSourcingError } from "../errors/eventSourcingError.js";

/** How long work in steps may hold up everything else at a time, milliseconds. */
const SLICE_MS = 10;

/** Those who wait for a turn, by owner. The first owner is the next to have one. */
const waiting = new Map<string, (() => void)[]>();

/**
 * Runs work that comes in steps, and lets others go on between them: for {@link SLICE_MS} at a time, or one step if that
 * takes longer. Of all work in a process one slice is done before whatever else waits has its turn. Owners take turns,
 * however much work one of them has.
 *
 * @param owner the tenant
 * @param signal asked between two slices
 * @throws EventSourcingError `ABORTED` between two slices once the signal is aborted
 */
export async function inTurns<T>(
  steps: Generator<void, T>,
  owner: string,
  signal: AbortSignal | undefined,
): Promise<T> {
  // Whoever comes while others wait waits behind them.
  if (waiting.size > 0) await nextTurn(owner);
  let started = performance.now();
  for (;;) {
    throwIfAborted(signal);
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - started < SLICE_MS) continue;
    await nextTurn(owner);
    started = performance.now();
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new EventSourcingError("ABORTED", "The work was aborted between two of its steps.", {
    cause: signal.reason,
    // Whoever takes the run next can do it.
    errorClass: "transient",
  });
}

function nextTurn(owner: string): Promise<void> {
  return new Promise((goOn) => {
    if (waiting.size === 0) setImmediate(giveTurn);
    const others = waiting.get(owner);
    if (others === undefined) waiting.set(owner, [goOn]);
    else others.push(goOn);
  });
}

function giveTurn(): void {
  const [next] = waiting;
  if (next === undefined) return;
  const [owner, [first, ...others]] = next;
  waiting.delete(owner);
  // Behind all other owners.
  if (others.length > 0) waiting.set(owner, others);
  if (waiting.size > 0) setImmediate(giveTurn);
  first?.();
}
