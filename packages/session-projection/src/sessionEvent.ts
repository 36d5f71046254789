import type { Event, ProjectionRecord } from "@es/core";
import type { AcceptedClock } from "@es/core/adapter";
import type { TraceProjection, TraceStatus } from "@es/trace-projection";

/** What a session keeps of one of its traces. */
export interface SessionTrace {
  readonly traceId: string;
  /** At most 200 characters. */
  readonly name: string;
  readonly status: TraceStatus;
  /** Unix nanoseconds, as decimal strings here and below. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly spanCount: number;
  /** Spans with status ERROR. */
  readonly errorCount: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  /** USD, plain decimal of at most 12 places; `null` when unknown, or nothing was used. */
  readonly cost: string | null;
  /** False when some of its tokens have no price, so that the cost is too low or `null`. */
  readonly costComplete: boolean;
  readonly models: readonly string[];
  readonly userId: string | null;
}

/** What a projection of a trace says about one session: that the trace is part of it, or is not. */
export interface SessionEventData {
  readonly traceId: string;
  /** Of the handler that made the projection. */
  readonly generation: number;
  /** Of the projection, as a decimal string; of two events about a trace the one of the greater version counts. */
  readonly version: string;
  /** `null`: the trace is not part of the session. */
  readonly trace: SessionTrace | null;
}

/**
 * Its identity is trace id and version, so that telling a session of a projection again changes nothing. The aggregate is
 * the session.
 */
export interface SessionEvent extends Event<"session.trace", SessionEventData> {}

const NAME_CHARACTERS = 200;

/**
 * The sessions that a trace is or may have been part of: its own, and all that its spans name. Ids that were cut are left
 * out, for two that are cut alike must not become one session; the projection's `flags.cuts` says so.
 */
export function sessionIdsOf(projection: TraceProjection): readonly string[] {
  const { sessionId, otherSessionIds, flags } = projection;
  const whole = (id: string, field: string) => (Object.hasOwn(flags.cuts, field) ? [] : [id]);
  const own = sessionId === null ? [] : whole(sessionId, "sessionId");
  if (otherSessionIds.length === 0) return own;
  return [...own, ...otherSessionIds.flatMap((id, index) => whole(id, `otherSessionIds[${index}]`))];
}

/**
 * What a projection of a trace tells sessions: its own that the trace is part of it, and every other that its spans name
 * that it is not, for it may have been as long as fewer spans were there. So nothing of before has to be known.
 *
 * @param generation the version of the handler that made it
 */
export function sessionEventsOf(
  record: ProjectionRecord<string, TraceProjection>,
  generation: number,
  clock: AcceptedClock,
): readonly SessionEvent[] {
  const { projection } = record;
  const version = String(record.version);
  return sessionIdsOf(projection).map((sessionId) => ({
    id: `${record.aggregateId}@${version}`,
    aggregateId: sessionId,
    type: "session.trace",
    occurredAt: BigInt(projection.startTimeUnixNano),
    acceptedAt: clock.next(),
    data: {
      traceId: record.aggregateId,
      generation,
      version,
      trace: sessionId === projection.sessionId ? summaryOf(projection) : null,
    },
  }));
}

function summaryOf(projection: TraceProjection): SessionTrace {
  const { usage, cost, costReason } = projection;
  return {
    traceId: projection.traceId,
    name: projection.name.slice(0, NAME_CHARACTERS).toWellFormed(),
    status: projection.status,
    startTimeUnixNano: projection.startTimeUnixNano,
    endTimeUnixNano: projection.endTimeUnixNano,
    spanCount: projection.spanCount,
    errorCount: projection.errorCount,
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    totalTokens: usage.totalTokens,
    cost: cost?.amount ?? null,
    costComplete: cost?.complete ?? (costReason === null || costReason === "no-usage"),
    models: projection.models,
    userId: projection.userId,
  };
}
