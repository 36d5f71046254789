/**
 * Lets one process at a time do what is better not done twice at once, such as looking for what lags, or a replay.
 *
 * Guarantees of every implementation:
 * - of all who ask for a name while nobody holds it, one gets it;
 * - a lease ends when it is released, or by itself when its time is over: a holder that died blocks nobody for longer;
 * - who lost a lease cannot renew it, nor take it from whoever holds it now.
 *
 * It does *not* guarantee that two never work at once: a holder that is paused or cut off for longer than its lease
 * works on beside the next one, and so does one whose lease the engine behind it forgot. What is done under a lease has
 * to be harmless when it is done twice. Nothing fences the late one off, for projection versions already do.
 *
 * Calls reject with `EventSourcingError`: `QUEUE_UNAVAILABLE` (retryable), `QUEUE_REJECTED`, `INVALID_OPTIONS`, `CLOSED`.
 */
export interface Leases {
  /**
   * Resolves with `null` while somebody holds it. A call that rejects may have got it all the same: then nobody does until
   * its time is over.
   *
   * @param durationMs how long it lasts unless it is renewed, from 1
   */
  acquire(name: string, durationMs: number): Promise<Lease | null>;
  /** Leases that are held last until they are over. */
  close(): Promise<void>;
}

/** What a holder has in hand. */
export interface Lease {
  readonly name: string;
  /** It lasts this long from now. Resolves with false if it was lost: it is over, or somebody else's. */
  renew(durationMs: number): Promise<boolean>;
  /** Ends it for the next to take. Does nothing if it was lost. */
  release(): Promise<void>;
}
