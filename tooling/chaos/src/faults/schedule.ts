import { createRandom } from "../random.js";
import { type FaultName, type PlannedFault, randomDuration } from "./faultClass.js";
import { EVERYTHING, faultClassNamed, faultNames, touchedBy } from "./faultClasses.js";

export interface ScheduleOptions {
  readonly seed: number;
  /** Of the load, milliseconds. */
  readonly durationMs: number;
  /** @default every class */
  readonly names?: readonly FaultName[];
  /** Milliseconds from one fault to the next, in the mean. @default 3_500 */
  readonly everyMs?: number;
}

/** Before the first fault, so that there is something to break. */
const LEAD_MS = 2_500;
/** Between two faults of one target, so that it does some work in between. */
const REST_MS = 1_500;
/** What an injection itself may take: a drain, a start. */
const SLACK_MS = 1_500;

/**
 * When which fault breaks what. Every class comes once before any comes twice, in an order of the seed's; a load too short for
 * all of them gets as many as fit.
 */
export function planFaults({
  seed,
  durationMs,
  names = faultNames,
  everyMs = 3_500,
}: ScheduleOptions): readonly PlannedFault[] {
  const random = createRandom(seed, "faults");
  const busyUntil = new Map<string, number>();
  const planned: PlannedFault[] = [];
  let round: FaultName[] = [];
  for (let next = LEAD_MS; next < durationMs; ) {
    if (round.length === 0) round = random.shuffle(names);
    const name = round.shift();
    if (name === undefined) break;
    const fault = faultClassNamed(name);
    const breaksAll = name === "kill-everything";
    const target = breaksAll ? EVERYTHING : random.pick(fault.targets);
    const touched = touchedBy({ name, target });
    const length = randomDuration(random, fault);
    const at = Math.max(next, ...touched.map((one) => (busyUntil.get(one) ?? 0) + REST_MS));
    const end = at + length + SLACK_MS;
    const severity = random.fraction();
    next += random.integer(Math.round(everyMs / 2), Math.round(everyMs * 1.5));
    if (end > durationMs) continue;
    for (const one of touched) busyUntil.set(one, end);
    planned.push({ at, name, target, durationMs: length, severity });
  }
  return planned.sort((a, b) => a.at - b.at);
}

/** One line per fault. */
export function describeSchedule(planned: readonly PlannedFault[]): string {
  return planned
    .map(({ at, name, target, durationMs }) => {
      const second = (ms: number) => (ms / 1_000).toFixed(1);
      const length = durationMs === 0 ? "" : ` for ${second(durationMs)} s`;
      return `  ${second(at).padStart(6)} s  ${name.padEnd(19)} ${target}${length}`;
    })
    .join("\n");
}
