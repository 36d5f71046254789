import type { ProjectionQueue } from "@es/processing";
import type { ScheduleSessions } from "./traceSessions.js";

/**
 * Schedules sessions for the same moments, one every `periodMs`, whichever worker was told what: sessions that wait for one
 * moment are rebuilt together and share round trips, and none is rebuilt more often. Wall clocks that differ make smaller groups.
 */
export function sessionSchedule(
  queue: Pick<ProjectionQueue, "schedule">,
  periodMs: number,
): ScheduleSessions {
  return (sessions) => queue.schedule(sessions, { delayMs: untilNextMoment(periodMs, Date.now()) });
}

/** Milliseconds, from 1 to `periodMs`; 0 for a period of 0. */
export function untilNextMoment(periodMs: number, now: number): number {
  return periodMs === 0 ? 0 : periodMs - (now % periodMs);
}
