// `npm run fuzz -- [otlp|rows] [--seed n] [--bodies n | --rows n]`: installs, builds, and tries the OTLP endpoint with mutated
// requests, or the stores with changed rows on a real ClickHouse. Both without a word for which.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";
import { engines } from "./engines.mjs";

const [which, ...rest] = process.argv.slice(2);
const fuzzers = { otlp: "packages/otlp", rows: "packages/trace-clickhouse" };
const chosen = which in fuzzers ? [which] : Object.keys(fuzzers);
const args = which in fuzzers ? rest : process.argv.slice(2);

requireNode();
await install();
await build();
const results = [];
for (const name of chosen) {
  const folder = join(root, fuzzers[name]);
  const compiled = await runForeground(join(root, "node_modules/.bin/tsc"), [
    "-p",
    join(folder, "tsconfig.fuzz.json"),
  ]);
  if (compiled !== 0) process.exit(compiled);
  const running = name === "rows" ? await startEngines() : undefined;
  const environment = running === undefined ? {} : { CLICKHOUSE_URL: running.clickhouse.url };
  results.push(
    await runForeground(process.execPath, [join(folder, ".fuzz/fuzz/main.js"), ...own(name)], environment),
  );
  await running?.close();
}
process.exit(results.find((code) => code !== 0) ?? 0);

async function startEngines() {
  const { startTestEngines } = await engines();
  return startTestEngines();
}

/** Where both run, each has the options that are its own. */
function own(name) {
  if (chosen.length === 1) return args;
  const others = name === "otlp" ? ["--rows"] : ["--bodies", "--from"];
  return args.filter((arg, place) => !others.includes(arg) && !others.includes(args[place - 1]));
}
