import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { writeDocs } from "./docs.js";
import { faults, faultsNamed, someFaults } from "./faults.js";
import { type FaultsReport, runFaults } from "./runFaults.js";
import { describeResults, markdownTable } from "./table.js";

const usage = `npm run faults [-- options]

Puts ClickHouse and Redis into each state in which an app cannot do its work, and checks that ingest, worker and console name
the state in /readyz, take less than a fifth of a core, log a few lines, end on SIGTERM, and go on when the state ends. Prints a
table, and ends with 1 and the cells that failed if one did.

  --only <a,b>      states whose name or engine holds one of these, such as redis, or disk
  --some <number>   so many of them, chosen by the seed
  --seed <number>   of --some. Default 1
  --list            the states there are
  --json <file>     write the results there, too
  --docs <file>     write the table of docs/operations.md from what --json wrote of a whole run, and run nothing
  --help
`;

function number(option: string, value: string | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  const parsed = Number(value);
  if (!Number.isSafeInteger(parsed) || parsed < 1)
    throw new Error(`--${option} ${value} is not a whole number from 1.`);
  return parsed;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      some: { type: "string" },
      seed: { type: "string" },
      json: { type: "string" },
      list: { type: "boolean" },
      docs: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.list === true) {
    for (const { engine, name, description } of faults)
      process.stdout.write(`${engine}: ${name} (${description})\n`);
    return 0;
  }
  if (values.docs !== undefined) {
    const { results } = JSON.parse(await readFile(values.docs, "utf8")) as FaultsReport;
    await writeDocs(markdownTable(faults, results));
    return 0;
  }
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // A second one does not wait; what was started is killed when this process exits.
      if (stopping.signal.aborted) process.exit(130);
      stopping.abort(new Error(`Ended by ${signal}.`));
    });
  }
  const named =
    values.only === undefined ? faults : faultsNamed(values.only.split(",").filter((part) => part !== ""));
  const chosen =
    values.some === undefined
      ? named
      : someFaults(number("seed", values.seed, 1), number("some", values.some, 1), named);
  const report = await runFaults({
    faults: chosen,
    onLine: (line) => void process.stderr.write(`${line}\n`),
    signal: stopping.signal,
  });
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\n${describeResults(report.results)}\n`);
  if (report.failures.length > 0) {
    process.stdout.write(
      `\n${report.failures.length} failed:\n${report.failures.join("\n")}\n\nLogs: ${report.logs}\n`,
    );
    return 1;
  }
  return 0;
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
