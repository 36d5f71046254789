import type { ClickHouseSettings } from "@clickhouse/client";
import type { CoalescerLimits } from "./coalescer.js";

/** What both stores can be told besides their table. */
export interface StoreClickHouseOptions {
  /** @default the client's own */
  readonly database?: string;
  /** How reads in flight share round trips. @default defaultReadLimits */
  readonly readLimits?: Partial<CoalescerLimits>;
  /** How writes in flight share round trips. @default defaultWriteLimits */
  readonly writeLimits?: Partial<CoalescerLimits>;
  /** Added to every read, such as `max_execution_time`. */
  readonly readSettings?: ClickHouseSettings;
  /** Added to every insert, such as `insert_quorum`. */
  readonly insertSettings?: ClickHouseSettings;
}
