// `npm run bench`: measures this system beside the least any could need, and beside others.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { runScenarios } from "./harness/report.js";
import { inRepository } from "./harness/repository.js";
import { describeComparison, describeEngines, describeMachine } from "./harness/table.js";
import { defaultScenarios, scenarios } from "./scenarios/scenarios.js";

const DEFAULT_JSON = inRepository(".bench/report.json");

const usage = `npm run bench [-- options]

Starts a ClickHouse and a Redis (or takes CLICKHOUSE_URL and REDIS_URL), the apps and a load, each a process, and
measures, several rounds in turns. Nothing else should need the machine meanwhile.

  --only <a,b>         only these: ${scenarios.map(({ name }) => name).join(", ")}. Without it all but hostile
  --match <text>       only comparisons with this in their name, such as "protobuf, 1 000"
  --rounds <number>    of each contender. Default 3
  --seconds <number>   that a round lasts. Default 2
  --quick              one short round on small sizes: shows that everything works; its figures say little
  --json <file>        where the figures go. Default .bench/report.json
  --help
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      match: { type: "string", default: "" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string", default: DEFAULT_JSON },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return;
  }
  const { quick } = values;
  const onProgress = progressLine();
  const report = await runScenarios({
    scenarios: selected(values.only),
    match: values.match,
    options: {
      quick,
      rounds: positive("rounds", values.rounds, quick ? 1 : 3),
      secondsPerRound: positive("seconds", values.seconds, quick ? 0.5 : 2),
    },
    onProgress,
    onComparison: (comparison, { title }) => {
      onProgress("");
      process.stdout.write(`\n${title}. ${describeComparison(comparison)}\n`);
    },
  });
  onProgress("");
  await mkdir(dirname(values.json), { recursive: true });
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  const took = report.scenarios.map(({ name, seconds }) => `${name} ${seconds.toFixed(0)} s`).join(", ");
  process.stdout.write(
    `\n${describeMachine(report.machine)}\n${describeEngines(report)}\n${took}\nFigures: ${values.json}\n`,
  );
}

function selected(names: string | undefined) {
  if (names === undefined) return defaultScenarios;
  return names.split(",").map((name) => {
    const found = scenarios.find((scenario) => scenario.name === name);
    if (found === undefined) throw new Error(`There is no scenario ${name}.`);
    return found;
  });
}

function positive(option: string, value: string | undefined, fallback: number): number {
  const parsed = value === undefined ? fallback : Number(value);
  if (!(parsed > 0)) throw new Error(`--${option} ${value} is not a number above 0.`);
  return parsed;
}

/** One line that changes on a terminal, lines elsewhere. */
function progressLine(): (line: string) => void {
  if (process.stderr.isTTY) return (line) => void process.stderr.write(`\r\x1b[K${line}`);
  return (line) => void (line !== "" && process.stderr.write(`${line}\n`));
}

// What was started is killed when this process exits.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}
