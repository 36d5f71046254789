import { startTestEngines, type TestEngines } from "@es/tooling-engines";
import { type ComparisonResult, compare } from "./comparison.js";
import { type Machine, thisMachine } from "./machine.js";
import type { BenchOptions, Scenario } from "./scenario.js";

export interface ScenarioReport {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly seconds: number;
  readonly comparisons: readonly ComparisonResult[];
}

/** Everything a run measured. */
export interface Report {
  readonly machine: Machine;
  /** By the engine's name, as it says itself, and where it comes from. */
  readonly engines: Readonly<Record<string, string>>;
  readonly options: BenchOptions;
  readonly scenarios: readonly ScenarioReport[];
}

export interface RunOptions {
  readonly scenarios: readonly Scenario[];
  readonly options: BenchOptions;
  /** Leaves out the comparisons whose name does not hold it. */
  readonly match?: string;
  /** Shows what it is at. */
  readonly onProgress: (line: string) => void;
  /** Told of each result, once it is there. */
  readonly onComparison?: (comparison: ComparisonResult, scenario: Scenario) => void;
}

/** Runs scenarios one after the other, each on engines of its own. */
export async function runScenarios(run: RunOptions): Promise<Report> {
  const { options, onProgress } = run;
  const engines: Record<string, string> = {};
  const scenarios: ScenarioReport[] = [];
  for (const scenario of run.scenarios) {
    const { name, title, about } = scenario;
    const begun = performance.now();
    const comparisons: ComparisonResult[] = [];
    let running: Promise<TestEngines> | undefined;
    try {
      await scenario.run({
        options,
        startEngines() {
          onProgress(`${name}: starting engines`);
          running ??= startTestEngines();
          return running;
        },
        selects: (comparison) => comparison.includes(run.match ?? ""),
        async compare(comparison) {
          const result = await compare(comparison, {
            rounds: comparison.rounds ?? options.rounds,
            onRound: (line) => onProgress(`${name}: ${line}`),
          });
          comparisons.push(result);
          run.onComparison?.(result, scenario);
          return result;
        },
      });
    } finally {
      await (await running)?.close();
    }
    const used = await running;
    if (used !== undefined) {
      engines.ClickHouse = `${used.clickhouse.version}, ${used.clickhouse.source}`;
      engines.Redis = `${used.redis.version}, ${used.redis.source}`;
    }
    scenarios.push({ name, title, about, seconds: (performance.now() - begun) / 1_000, comparisons });
  }
  return { machine: thisMachine(), engines, options, scenarios };
}
