import { randomInt } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { runChaos } from "./chaosRun.js";
import { defenceNamed, defenceNames } from "./defences/defences.js";
import { faultClassNamed, faultNames } from "./faults/faultClasses.js";
import { describeProofs, prove } from "./prove.js";
import { describeOffences, describeReport, promisesKept } from "./table.js";

const usage = `npm run chaos [-- options]

Loads two ingests, two workers and a console on a ClickHouse and a Redis of their own, breaks them in every way it knows,
and compares what is stored in the end with what was acknowledged. Ends with 1 if a promise was broken.

  --seed <number>      of load and faults; the same seed gives the same ones. Default: a new one, printed
  --seconds <number>   of load and faults. Default 180
  --faults <a,b>       only these: ${faultNames.join(", ")}
  --without <a,b>      take defences away: ${defenceNames.join(", ")}
  --rate <number>      traces begun per second and tenant. Default 2
  --prove              take each defence away in turn (or those of --without), under the faults it is there for: ends with 1
                       if one is not missed
  --json <file>        write the report there, too
  --help
`;

function list(value: string | undefined): readonly string[] | undefined {
  return value?.split(",").filter((name) => name !== "");
}

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
      seed: { type: "string" },
      seconds: { type: "string" },
      faults: { type: "string" },
      without: { type: "string" },
      rate: { type: "string" },
      json: { type: "string" },
      prove: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
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
  const seed = number("seed", values.seed, randomInt(1, 1_000_000));
  const onLine = (line: string) => void process.stderr.write(`${line}\n`);
  const without = list(values.without)?.map((name) => defenceNamed(name).name);
  if (values.prove === true) {
    const results = await prove({
      seed,
      ...(without === undefined ? {} : { only: without }),
      onLine,
      signal: stopping.signal,
    });
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
    process.stdout.write(`\n${describeProofs(results)}\n`);
    return results.every(({ holds }) => holds) ? 0 : 1;
  }
  const report = await runChaos({
    seed,
    seconds: number("seconds", values.seconds, 180),
    faults: list(values.faults)?.map((name) => faultClassNamed(name).name),
    ...(without === undefined ? {} : { without }),
    tracesPerSecond: number("rate", values.rate, 2),
    onLine,
    signal: stopping.signal,
  });
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\n${describeReport(report)}\n`);
  if (promisesKept(report)) return 0;
  process.stdout.write(`\n${describeOffences(report)}\n\nLogs: ${report.logs}\n`);
  return 1;
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
