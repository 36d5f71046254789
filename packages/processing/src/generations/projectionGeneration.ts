import { EventSourcingError } from "@es/core";

/**
 * What becomes of the output of one handler version:
 *
 * | state | kept up with new events | read |
 * |---|---|---|
 * | `building` | yes, and filled from the stored ones | to compare |
 * | `serving` | yes | by everyone; exactly one at any time |
 * | `standby` | yes: it served, and can be switched back to | to compare |
 * | `retired` | no, never again | no |
 */
export type GenerationState = "building" | "serving" | "standby" | "retired";

/** The projections that one version of a handler makes, kept apart from those of every other. */
export interface ProjectionGeneration {
  /** The version of its handler, from 1. A number is used once. */
  readonly number: number;
  readonly state: GenerationState;
  /** Since when, Unix nanoseconds by the clock of who changed it; 0 where no change was ever recorded. */
  readonly since: bigint;
}

/** All generations of one projection. */
export interface GenerationSet {
  /** The kind of projection, such as `trace`. */
  readonly projection: string;
  /** Of the newest change; 0 where there was none. */
  readonly revision: number;
  /** The generation that is read. */
  readonly serving: number;
  /** The generation that served before, to roll back to; `null` after a roll back, or when it is retired. */
  readonly previous: number | null;
  /** By number. */
  readonly generations: readonly ProjectionGeneration[];
}

/** Those that are kept up: the serving one first, the others by number. */
export function liveGenerations({ serving, generations }: GenerationSet): readonly number[] {
  const others = generations.filter(({ number, state }) => number !== serving && state !== "retired");
  return [serving, ...others.map(({ number }) => number)];
}

export const MAX_GENERATION_NUMBER = 2 ** 32 - 1;

/** @throws EventSourcingError `INVALID_OPTIONS` unless it is a whole number from 1 to 2³² − 1 */
export function assertGenerationNumber(number: number): void {
  if (Number.isInteger(number) && number >= 1 && number <= MAX_GENERATION_NUMBER) return;
  throw new EventSourcingError(
    "INVALID_OPTIONS",
    `A generation is a whole number from 1 to ${MAX_GENERATION_NUMBER}, got ${number}.`,
  );
}
