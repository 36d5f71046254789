import type { AggregateSelection, ErrorClass } from "@es/core";

/** What was asked for. It never changes. */
export interface ReplayDefinition<TAggregateId extends string = string> {
  /** Ids sort by creation. */
  readonly id: string;
  readonly selection: AggregateSelection<TAggregateId>;
  /** Whether to replace projections although nothing changed, see `forceRebuildProjection`. */
  readonly force: boolean;
  /** Unix milliseconds. */
  readonly createdAt: number;
}

/** What its operator wants of it now. Only operators write it. */
export interface ReplayControl {
  /** 1, and one more with each change: the greater replaces the smaller. */
  readonly revision: number;
  readonly desired: "running" | "paused" | "cancelled";
  /** Aggregates per second; `null` for no limit. */
  readonly ratePerSecond: number | null;
}

/** An aggregate that could not be rebuilt. */
export interface ReplayFailure {
  readonly tenantId: string;
  readonly aggregateId: string;
  readonly errorClass: ErrorClass;
  /** The error's code, or its name. */
  readonly code: string;
  readonly reason: string;
}

/** Why a replay cannot go on by itself. */
export interface ReplayStop {
  readonly code: string;
  readonly reason: string;
  /** It holds for controls up to this revision: resuming it makes a greater one. */
  readonly controlRevision: number;
}

/** How far it is. Only its runner writes it. */
export interface ReplayProgress {
  /** 1, and one more with each report: the greater replaces the smaller. */
  readonly revision: number;
  /** Of the selection's listing: everything before it is done. `null` before the first page. */
  readonly cursor: string | null;
  /** Aggregates selected when it started; `null` if the store could not tell. */
  readonly total: number | null;
  readonly rebuilt: number;
  /** Aggregates whose events are gone. */
  readonly empty: number;
  readonly failed: number;
  /** The first 100. */
  readonly failures: readonly ReplayFailure[];
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** Unix milliseconds. */
  readonly updatedAt: number;
  /** Milliseconds somebody worked on it. */
  readonly activeMs: number;
  /** Unix milliseconds; `null` until everything is done. */
  readonly finishedAt: number | null;
  readonly stop: ReplayStop | null;
}

/** A rebuild of many projections that outlives processes. */
export interface Replay<TAggregateId extends string = string> {
  readonly definition: ReplayDefinition<TAggregateId>;
  readonly control: ReplayControl;
  /** `null` until somebody works on it. */
  readonly progress: ReplayProgress | null;
}

export const MAX_REPLAY_FAILURES = 100;

/**
 * `pending` and `running`: it goes on as soon as a runner is there; `failed`: until it is resumed; `done` and `cancelled`:
 * never again.
 */
export type ReplayState = "pending" | "running" | "paused" | "cancelled" | "failed" | "done";

export function replayState({ control, progress }: Replay): ReplayState {
  if (progress !== null && progress.finishedAt !== null) return "done";
  if (control.desired !== "running") return control.desired;
  if (progress === null) return "pending";
  return progress.stop !== null && progress.stop.controlRevision >= control.revision ? "failed" : "running";
}

/** Whether a runner should work on it. */
export function isReplayOpen(replay: Replay): boolean {
  const state = replayState(replay);
  return state === "pending" || state === "running";
}

export interface ReplayPace {
  /** Aggregates done: rebuilt, empty and failed. */
  readonly processed: number;
  /** Over all the time somebody worked on it; `null` before the first page. */
  readonly perSecond: number | null;
  /** Until it is done, at that speed; `null` unless it is running and the total is known. */
  readonly remainingMs: number | null;
}

/** How fast it goes, and how long that will take. */
export function replayPace(replay: Replay): ReplayPace {
  const { progress } = replay;
  if (progress === null) return { processed: 0, perSecond: null, remainingMs: null };
  const { rebuilt, empty, failed, activeMs, total } = progress;
  const processed = rebuilt + empty + failed;
  const perSecond = processed > 0 && activeMs > 0 ? (processed / activeMs) * 1_000 : null;
  const known = perSecond !== null && total !== null && replayState(replay) === "running";
  // Aggregates that came while it ran are beyond the total.
  const remainingMs = known ? (Math.max(0, total - processed) / perSecond) * 1_000 : null;
  return { processed, perSecond, remainingMs };
}
