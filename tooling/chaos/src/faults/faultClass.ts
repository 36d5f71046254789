import type { Random } from "../random.js";
import type { System } from "../system/system.js";

export type FaultName =
  | "kill-ingest"
  | "kill-worker"
  | "kill-console"
  | "kill-redis"
  | "kill-clickhouse"
  | "kill-everything"
  | "restart-ingest"
  | "restart-worker"
  | "freeze-worker"
  | "flush-redis"
  | "failover-redis"
  | "forbid-redis"
  | "cut-clickhouse"
  | "cut-redis"
  | "cut-clients"
  | "slow-clickhouse"
  | "block-clickhouse"
  | "block-redis"
  | "clock-ahead"
  | "clock-behind"
  | "ingest-clock-ahead"
  | "ingest-clock-behind"
  | "readonly-clickhouse";

/** One way to break the system. */
export interface FaultClass {
  readonly name: FaultName;
  readonly description: string;
  /** What it breaks: two faults never break the same thing at once. */
  readonly targets: readonly string[];
  /** Shortest and longest, milliseconds. */
  readonly durationMs: readonly [least: number, greatest: number];
  /** Why it cannot be done here, if so. */
  readonly impossible?: (system: System) => string | null;
  /** Breaks it; resolves once it is broken. The rest of its time passes before `heal`. */
  readonly inject: (system: System, fault: PlannedFault) => Promise<void>;
  readonly heal: (system: System, fault: PlannedFault) => Promise<void>;
}

/** A fault of a schedule. */
export interface PlannedFault {
  /** Milliseconds from the begin of the load. */
  readonly at: number;
  readonly name: FaultName;
  readonly target: string;
  readonly durationMs: number;
  /** From 0, below 1: how bad it is, where that can be chosen. */
  readonly severity: number;
}

export function randomDuration(random: Random, { durationMs: [least, greatest] }: FaultClass): number {
  return random.integer(least, greatest);
}
