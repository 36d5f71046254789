import type { TestEngines } from "@es/tooling-engines";
import type { Comparison, ComparisonResult } from "./comparison.js";

export interface BenchOptions {
  /** Rounds of each contender. */
  readonly rounds: number;
  /** How long a round of a contender that works for a time is. */
  readonly secondsPerRound: number;
  /** Small sizes: it shows that everything works, and its figures say little. */
  readonly quick: boolean;
}

/** What a scenario has to work with. */
export interface Bench {
  readonly options: BenchOptions;
  /** A ClickHouse and a Redis of this scenario, started when they are first asked for. */
  startEngines(): Promise<TestEngines>;
  /** Whether a comparison of this name was asked for. */
  selects(name: string): boolean;
  /** Measures, and puts the result into the report. */
  compare(comparison: Comparison): Promise<ComparisonResult>;
}

export interface Scenario {
  /** What `--only` calls it. */
  readonly name: string;
  readonly title: string;
  /** What is measured and how, for the reader of the figures. Markdown, one paragraph. */
  readonly about: string;
  /** Runs only when `--only` names it, and has no place on the page of figures. @default false */
  readonly byNameOnly?: boolean;
  run(bench: Bench): Promise<void>;
}
