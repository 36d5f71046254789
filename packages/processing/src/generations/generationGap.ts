import type { ProjectionRead } from "@es/core";
import { type AggregateRef, aggregateRefKey, type ProjectionVersion, readProjectionVersion } from "@es/core";
import { milliseconds } from "@es/core/adapter";
import { rest } from "../pace/rest.js";
import type { LagSource } from "../reconcile/lagSource.js";
import { type ReadableGeneration, readMany } from "./compareGenerations.js";

export interface GenerationGapOptions {
  /** What lags in the generation that is to serve. */
  readonly lag: LagSource;
  readonly serving: ReadableGeneration;
  readonly candidate: ReadableGeneration;
  /** How long to wait for what is under way, milliseconds. @default 5 000 */
  readonly graceMs?: number;
}

/** Aggregates that would go back to an older state if the candidate served. */
export interface GenerationGap {
  /** How many; looking ends at 1 000, and then there may be more. */
  readonly behind: number;
  readonly isComplete: boolean;
  /** The first ten of them. */
  readonly examples: readonly AggregateRef[];
}

const MOST = 1_000;
const EXAMPLES = 10;
const RECHECK_MS = 100;

/**
 * Finds the aggregates whose candidate projection has seen fewer events than the serving one had when this was called. What
 * lags in both alike is no reason not to switch; what is under way gets `graceMs`, for live traffic never pauses.
 */
export async function findGenerationGap(options: GenerationGapOptions): Promise<GenerationGap> {
  const { lag, serving, candidate } = options;
  const graceMs = milliseconds("graceMs", options.graceMs ?? 5_000, 0);
  const behind = new Map<string, { readonly ref: AggregateRef; readonly target: ProjectionVersion }>();

  async function dropCaughtUp(): Promise<void> {
    const read = await readMany(
      candidate,
      [...behind.values()].map(({ ref }) => ref),
    );
    for (const [key, { target }] of behind) {
      if (!isBehind(versionOf(read.get(key)), target)) behind.delete(key);
    }
  }

  let isComplete = true;
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<LagSource["listLagging"]>> = await lag.listLagging(
      cursor === null ? {} : { cursor },
    );
    const refs = page.items.map(({ tenantId, aggregateId }) => ({ tenantId, aggregateId }));
    const targets = await readMany(serving, refs);
    for (const ref of refs) {
      const key = aggregateRefKey(ref);
      const target = versionOf(targets.get(key));
      if (target !== undefined) behind.set(key, { ref, target });
    }
    if (refs.length > 0) await dropCaughtUp();
    cursor = page.nextCursor;
    if (behind.size >= MOST && cursor !== null) {
      isComplete = false;
      break;
    }
  } while (cursor !== null);

  const deadline = performance.now() + graceMs;
  while (behind.size > 0 && isComplete && performance.now() < deadline) {
    await rest(RECHECK_MS, undefined);
    await dropCaughtUp();
  }
  return {
    behind: behind.size,
    isComplete,
    examples: [...behind.values()].slice(0, EXAMPLES).map(({ ref }) => ref),
  };
}

/** Of what is stored, also if it cannot be decoded. */
function versionOf(read: ProjectionRead | undefined): ProjectionVersion | undefined {
  if (read === undefined || read.status === "absent") return undefined;
  return read.status === "found" ? read.record.version : read.version;
}

/** Whether it was folded from fewer events. */
function isBehind(version: ProjectionVersion | undefined, target: ProjectionVersion): boolean {
  if (version === undefined) return true;
  const [mine, aim] = [readProjectionVersion(version), readProjectionVersion(target)];
  return (
    mine.eventCount < aim.eventCount ||
    (mine.eventCount === aim.eventCount && mine.acceptedSum < aim.acceptedSum)
  );
}
