import { EventSourcingError } from "@es/core";
import { milliseconds } from "@es/core/adapter";
import type { Leases } from "./leases.js";

export interface WithLeaseOptions {
  /** How long others wait for a holder that died. Renewed at a third of it. Milliseconds. @default 30 000 */
  readonly durationMs?: number;
  /**
   * Nobody else gets the lease before so long after it was given here, milliseconds, also if the work is done earlier,
   * unless it failed or was told to stop. @default 0
   */
  readonly keepForMs?: number;
  /** Passed on to the work. */
  readonly signal?: AbortSignal;
}

/** Whether the work was done here, and what it gave. */
export type Leased<T> = { readonly held: true; readonly value: T } | { readonly held: false };

/**
 * Does the work if nobody else is at it, and keeps the lease until it is done. The work's signal aborts when the caller's
 * does, or with `ABORTED` when the lease is lost: somebody else may be at it from then on, so it should stop soon.
 *
 * Rejects as the work does, or as `acquire` does. A renewal that fails is tried again while the lease lasts.
 */
export async function withLease<T>(
  leases: Pick<Leases, "acquire">,
  name: string,
  work: (signal: AbortSignal) => Promise<T>,
  options: WithLeaseOptions = {},
): Promise<Leased<T>> {
  const durationMs = milliseconds("durationMs", options.durationMs ?? 30_000, 1);
  const everyMs = Math.ceil(durationMs / 3);
  // Counted from before the call: what the engine counts begins later.
  const keepUntil = performance.now() + milliseconds("keepForMs", options.keepForMs ?? 0, 0);
  let endsAt = performance.now() + durationMs;
  const lease = await leases.acquire(name, durationMs);
  if (lease === null) return { held: false };

  const lost = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  const lose = () => lost.abort(new EventSourcingError("ABORTED", `The lease of ${name} was lost.`));
  const renewLater = () => {
    const leftMs = endsAt - performance.now();
    if (leftMs <= 0) lose();
    else timer = setTimeout(() => void renew(), Math.min(everyMs, leftMs));
  };
  const renew = async () => {
    const asked = performance.now();
    try {
      if (!(await lease.renew(durationMs))) return lose();
      endsAt = asked + durationMs;
    } catch {
      // The engine is away. Until the lease is over nobody else has it.
    }
    if (!over) renewLater();
  };
  renewLater();
  const { signal } = options;
  let keep = false;
  try {
    const stop = signal === undefined ? lost.signal : AbortSignal.any([signal, lost.signal]);
    const value = await work(stop);
    keep = signal?.aborted !== true;
    return { held: true, value };
  } finally {
    over = true;
    clearTimeout(timer);
    const leftMs = keep ? Math.ceil(keepUntil - performance.now()) : 0;
    // If this fails it ends by itself.
    await (leftMs > 0 ? lease.renew(leftMs) : lease.release()).catch(() => undefined);
  }
}
