/** One page of a listing. Cursors are opaque, hold no secrets, and stay valid while data is added. */
export interface Page<TItem> {
  readonly items: readonly TItem[];
  /** Give it back to get the next page; `null` on the last. */
  readonly nextCursor: string | null;
}

export interface PageOptions {
  readonly cursor?: string;
  /** Items per page. @default 1000 */
  readonly limit?: number;
}
