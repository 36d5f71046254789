import type { ProjectionRecord, TenantId } from "@es/core";
import type { TraceStatus } from "@es/trace-projection";
import type { SessionTrace } from "./sessionEvent.js";

/** All traces of a session together: a pure function of the set of what they told it. JSON values only. */
export interface SessionProjection {
  readonly sessionId: string;
  /** 0 when all traces have left it. */
  readonly traceCount: number;
  /** Traces with status error. */
  readonly failedTraceCount: number;
  /** `error` if any trace failed, else `ok` if any is, else `unset`. */
  readonly status: TraceStatus;
  readonly spanCount: number;
  /** Spans with status ERROR. */
  readonly errorCount: number;
  /** Of the trace that starts first, Unix nanoseconds as a decimal string; `0` without traces, as the next. */
  readonly startTimeUnixNano: string;
  /** The end of the trace that ends last. */
  readonly lastActivityUnixNano: string;
  readonly usage: {
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly totalTokens: number;
  };
  /** `null` when no trace has a cost. */
  readonly cost: SessionCost | null;
  /** Distinct, in order of first use, as the next. */
  readonly models: readonly string[];
  readonly userIds: readonly string[];
  /** Those that were active last, the last first. */
  readonly traces: readonly SessionTrace[];
  /** What was cut: `kept` of `total` items, by field. The counts and sums are those of all traces. */
  readonly cuts: Readonly<Record<string, { readonly kept: number; readonly total: number }>>;
}

export interface SessionCost {
  /** Plain decimal, at most 12 places, no exponent. */
  readonly amount: string;
  readonly currency: "USD";
  /** False when some tokens of some trace have no price. */
  readonly complete: boolean;
}

/** A session as the read API gives it. */
export interface SessionProjectionJson extends SessionProjection {
  readonly tenantId: string;
  /** Decimal string; greater is newer. */
  readonly version: string;
}

export function sessionProjectionToJson(
  tenantId: TenantId,
  record: ProjectionRecord<string, SessionProjection>,
): SessionProjectionJson {
  return { tenantId, version: String(record.version), ...record.projection };
}
