/** What a session keeps at most. More is counted, and `cuts` says so. */
export interface SessionLimits {
  /** Traces listed. @default 1 000 */
  readonly traces: number;
  /** Models, and users. @default 100 */
  readonly distinct: number;
}

export const defaultSessionLimits: SessionLimits = { traces: 1_000, distinct: 100 };
