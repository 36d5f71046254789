import type { ProcessUsage } from "./processUsage.js";
import { type Summary, summarize } from "./statistics.js";

/** What a contender is to the reader: the floor is the least any design on these engines must do. */
export type Role = "ours" | "baseline" | "peer" | "floor";

/** What one round of a contender came to. */
export interface Round {
  /** How many of the comparison's unit were done. */
  readonly count: number;
  readonly seconds: number;
  /** What else was measured, by the keys of the comparison's figures. */
  readonly figures?: Readonly<Record<string, number>>;
  /** What the processes that took part used meanwhile. */
  readonly processes?: Readonly<Record<string, ProcessUsage>>;
}

export interface Contender {
  /** Unique in its comparison. */
  readonly name: string;
  readonly role: Role;
  /** Before the first round. */
  open?(): Promise<void>;
  /** Before each round; not measured. */
  prepare?(): Promise<void>;
  round(): Promise<Round>;
  /** After the last round, also if one failed. */
  close?(): Promise<void>;
}

export interface FigureDescription {
  readonly label: string;
  /** Such as "ms" or "bytes". */
  readonly unit: string;
}

/** A figure of one contender, alone or as a multiple of another's, and what it has to be. */
export interface Target {
  readonly says: string;
  readonly contender: string;
  /** A key of the comparison's figures. @default "rate" */
  readonly figure?: string;
  /** Divides by the same figure of this contender. */
  readonly relativeTo?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Comparison {
  /** Unique in its scenario: what all its contenders do. */
  readonly name: string;
  /** What is counted, in the plural: "spans". */
  readonly unit: string;
  /** Besides the rate, CPU time and memory, which every comparison has. */
  readonly figures?: Readonly<Record<string, FigureDescription>>;
  readonly contenders: readonly Contender[];
  readonly targets?: readonly Target[];
  /** @default the run's own */
  readonly rounds?: number;
}

/** One contender's figures over its rounds. */
export interface ContenderResult {
  readonly name: string;
  readonly role: Role;
  /** `rate` is the unit per second; others are the comparison's own. */
  readonly figures: Readonly<Record<string, Summary>>;
  readonly processes: Readonly<Record<string, ProcessResult>>;
}

export interface ProcessResult {
  /** CPU time per unit, microseconds. */
  readonly cpuMicroseconds: Summary;
  /** CPU time per time: 1 is one core. */
  readonly cores: Summary;
  readonly maxRssBytes: number;
}

export interface TargetResult {
  readonly says: string;
  readonly value: number;
  readonly met: boolean;
}

export interface ComparisonResult {
  readonly name: string;
  readonly unit: string;
  readonly figures: Readonly<Record<string, FigureDescription>>;
  readonly rounds: number;
  readonly contenders: readonly ContenderResult[];
  readonly targets: readonly TargetResult[];
}

/**
 * Lets the contenders take turns, round by round, so that what the machine does besides meets all of them. Figures are
 * medians of the rounds.
 */
export async function compare(
  comparison: Comparison,
  { rounds, onRound }: { readonly rounds: number; readonly onRound: (line: string) => void },
): Promise<ComparisonResult> {
  const { contenders } = comparison;
  const measured = new Map(contenders.map((contender) => [contender, [] as Round[]]));
  const opened: Contender[] = [];
  try {
    for (const contender of contenders) {
      opened.push(contender);
      await contender.open?.();
    }
    for (let round = 1; round <= rounds; round++) {
      for (const contender of contenders) {
        onRound(`${comparison.name}: round ${round} of ${rounds}, ${contender.name}`);
        await contender.prepare?.();
        measured.get(contender)?.push(await contender.round());
      }
    }
  } finally {
    for (const contender of opened.reverse()) await contender.close?.();
  }
  const results = contenders.map((contender) => resultOf(contender, measured.get(contender) ?? []));
  return {
    name: comparison.name,
    unit: comparison.unit,
    figures: comparison.figures ?? {},
    rounds,
    contenders: results,
    targets: (comparison.targets ?? []).map((target) => judge(target, results)),
  };
}

/** The median of a contender's figure. @throws RangeError if there is none of these names */
export function figureOf(contenders: readonly ContenderResult[], contender: string, figure = "rate"): number {
  const found = contenders.find(({ name }) => name === contender)?.figures[figure];
  if (found === undefined) throw new RangeError(`There is no figure ${figure} of ${contender}.`);
  return found.median;
}

function resultOf({ name, role }: Contender, rounds: readonly Round[]): ContenderResult {
  const over = (value: (round: Round) => number) => summarize(rounds.map(value));
  const [first] = rounds;
  const figures: Record<string, Summary> = { rate: over(({ count, seconds }) => count / seconds) };
  for (const key of Object.keys(first?.figures ?? {}))
    figures[key] = over((round) => round.figures?.[key] ?? Number.NaN);
  const processes: Record<string, ProcessResult> = {};
  for (const process of Object.keys(first?.processes ?? {})) {
    const cpu = (round: Round) => round.processes?.[process]?.cpuSeconds ?? Number.NaN;
    processes[process] = {
      cpuMicroseconds: over((round) => (cpu(round) * 1e6) / round.count),
      cores: over((round) => cpu(round) / round.seconds),
      maxRssBytes: Math.max(...rounds.map((round) => round.processes?.[process]?.maxRssBytes ?? 0)),
    };
  }
  return { name, role, figures, processes };
}

function judge(target: Target, results: readonly ContenderResult[]): TargetResult {
  const { says, contender, figure, relativeTo, atLeast = -Infinity, atMost = Infinity } = target;
  const own = figureOf(results, contender, figure);
  const value = relativeTo === undefined ? own : own / figureOf(results, relativeTo, figure);
  return { says, value, met: value >= atLeast && value <= atMost };
}
