import type { EventHandler, EventStream } from "@es/core";
import type { TraceStatus } from "@es/trace-projection";
import { fromPicodollars, toPicodollars } from "./picodollars.js";
import type { SessionEvent, SessionTrace } from "./sessionEvent.js";
import { SessionFold } from "./sessionFold.js";
import type { SessionCost, SessionProjection } from "./sessionProjection.js";

/** What a session keeps at most. More is counted, and `cuts` says so. */
export interface SessionLimits {
  /** Traces listed. @default 1 000 */
  readonly traces: number;
  /** Models, and users. @default 100 */
  readonly distinct: number;
}

export const defaultSessionLimits: SessionLimits = { traces: 1_000, distinct: 100 };

export interface SessionProjectionOptions {
  /** Whose projections of traces count: those made by the handler of this version. @default 1 */
  readonly generation?: number;
  /** Over {@link defaultSessionLimits}. */
  readonly limits?: Partial<SessionLimits>;
}

/** Folds what traces told a session. Its version is the generation of trace projections that it counts. */
export class SessionProjectionEventHandler implements EventHandler<string, SessionEvent, SessionProjection> {
  readonly version: number;
  readonly #limits: SessionLimits;

  constructor(options: SessionProjectionOptions = {}) {
    this.version = options.generation ?? 1;
    this.#limits = { ...defaultSessionLimits, ...options.limits };
  }

  handle(stream: EventStream<string, SessionEvent>): SessionProjection {
    const fold = this.startFold(stream.aggregateId);
    fold.add(stream.events);
    return fold.project().projection;
  }

  startFold(sessionId: string): SessionFold {
    return new SessionFold(this.version, (traces) => this.#project(sessionId, traces.sort(earliestFirst)));
  }

  #project(sessionId: string, traces: readonly SessionTrace[]): SessionProjection {
    const { traces: mostTraces, distinct } = this.#limits;
    const models = distinctOf(traces.flatMap((trace) => trace.models));
    const userIds = distinctOf(traces.flatMap(({ userId }) => (userId === null ? [] : [userId])));
    const cuts: Record<string, { kept: number; total: number }> = {};
    const kept = <T>(field: string, items: readonly T[], most: number): readonly T[] => {
      if (items.length > most) cuts[field] = { kept: most, total: items.length };
      return items.slice(0, most);
    };
    return {
      sessionId,
      traceCount: traces.length,
      failedTraceCount: traces.filter(({ status }) => status === "error").length,
      status: worstOf(traces.map(({ status }) => status)),
      spanCount: sum(traces.map(({ spanCount }) => spanCount)),
      errorCount: sum(traces.map(({ errorCount }) => errorCount)),
      startTimeUnixNano: traces[0]?.startTimeUnixNano ?? "0",
      lastActivityUnixNano: traces.map(({ endTimeUnixNano }) => endTimeUnixNano).reduce(later, "0"),
      usage: {
        inputTokens: sum(traces.map(({ inputTokens }) => inputTokens)),
        outputTokens: sum(traces.map(({ outputTokens }) => outputTokens)),
        totalTokens: sum(traces.map(({ totalTokens }) => totalTokens)),
      },
      cost: costOf(traces),
      models: kept("models", models, distinct),
      userIds: kept("userIds", userIds, distinct),
      traces: kept("traces", traces.toSorted(lastActiveFirst), mostTraces),
      cuts,
    };
  }
}

const byId = (a: SessionTrace, b: SessionTrace) =>
  a.traceId < b.traceId ? -1 : a.traceId > b.traceId ? 1 : 0;

function earliestFirst(a: SessionTrace, b: SessionTrace): number {
  return compareInstants(a.startTimeUnixNano, b.startTimeUnixNano) || byId(a, b);
}

function lastActiveFirst(a: SessionTrace, b: SessionTrace): number {
  return compareInstants(b.endTimeUnixNano, a.endTimeUnixNano) || byId(a, b);
}

/** Decimals without leading zeros. */
function compareInstants(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

function later(a: string, b: string): string {
  return compareInstants(a, b) < 0 ? b : a;
}

function worstOf(statuses: readonly TraceStatus[]): TraceStatus {
  if (statuses.includes("error")) return "error";
  return statuses.includes("ok") ? "ok" : "unset";
}

function distinctOf(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}

/** Exact, and the same in any order, up to the largest whole number that JSON readers agree on. */
function sum(counts: readonly number[]): number {
  const total = counts.reduce((all, count) => all + BigInt(count), 0n);
  return total > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(total);
}

function costOf(traces: readonly SessionTrace[]): SessionCost | null {
  const costs = traces.flatMap(({ cost }) => (cost === null ? [] : [toPicodollars(cost)]));
  if (costs.length === 0) return null;
  return {
    amount: fromPicodollars(costs.reduce((all, cost) => all + cost, 0n)),
    currency: "USD",
    complete: traces.every(({ costComplete }) => costComplete),
  };
}
