// Test runs and their counts: shared by `npm test`, `npm run test:containers` and .ci/run.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { addTimes, recordTime, root, runForeground, timesSoFar, timeTable } from "./bootstrap.mjs";
import { spawnTree } from "./processTree.mjs";

const started = Date.now();
/** Each: what ran, its counts, and the engines it ran on. */
const runs = [];
let interrupted = false;
let expected = 1;

/** How many runs there must be: one that never came counts as failed. */
export function expectRuns(count) {
  expected = count;
}

// Whatever ends the process before its tests do, its last line still counts.
process.on("exit", (code) => {
  if (!summarized) summarize(code);
});
let summarized = false;

/**
 * Runs vitest on engines, closes them, and keeps the counts.
 * @param {string} label
 * @param {() => Promise<import("@es/tooling-engines").TestEngines>} startEngines
 * @param {() => Promise<string[]>} vitestArguments
 * @param {{ nodeFolder?: string }} [options] `nodeFolder`: holds the `node` to run the tests on, if not this process's own
 */
export async function runTests(label, startEngines, vitestArguments, { nodeFolder } = {}) {
  const run = { label, engines: [], passed: 0, failed: 1, skipped: 0 };
  let engines;
  try {
    const args = await vitestArguments();
    engines = await startEngines();
    run.engines = describeEngines(engines);
    process.stderr.write(`${run.engines.join("\n")}\n`);
    if (!interrupted) Object.assign(run, await runVitest(label, args, engines, nodeFolder));
  } catch (error) {
    process.stderr.write(`${label}: ${error.message}\n`);
  }
  try {
    await engines?.close();
  } catch (error) {
    process.stderr.write(`${label}: the engines could not be ended: ${error.message}\n`);
    run.failed += 1;
  }
  runs.push(run);
}

/** Counts a run that was made in another way. */
export function addRun(run) {
  runs.push(run);
}

/** Writes what came of the runs of this process to a file, for the process that started it by `runBeside`. */
export function exportRuns(file) {
  summarized = true;
  writeFileSync(file, JSON.stringify({ runs, times: timesSoFar() }));
}

/**
 * Runs a script that ends with `exportRuns(process.argv[2])` as a process beside this one, which ends with this one at the
 * latest. What it prints is shown once `finish()` is called, which waits for its end and counts its runs. It then has
 * `patienceMs` left: a run that hangs is ended, and has failed.
 * @param {string} script
 */
export function runBeside(script) {
  const report = join(tmpdir(), `es-runs-${process.pid}.json`);
  const child = spawnTree(process.execPath, [join(root, script), report], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  interruptible();
  let held = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (held === undefined ? process.stderr.write(chunk) : held.push(chunk)));
  const ended = new Promise((resolve) => child.once("close", resolve).once("error", resolve));
  return {
    async finish({ patienceMs }) {
      for (const chunk of held) process.stderr.write(chunk);
      held = undefined;
      const hangs = setTimeout(() => {
        process.stderr.write(`${script} did not end within ${patienceMs / 60_000} min: it is ended.\n`);
        child.kill("SIGKILL");
      }, patienceMs);
      await ended;
      clearTimeout(hangs);
      try {
        const done = JSON.parse(readFileSync(report, "utf8"));
        runs.push(...done.runs);
        addTimes(done.times);
      } catch {
        process.stderr.write(`${script} ended without a report.\n`);
      } finally {
        rmSync(report, { force: true });
      }
    },
  };
}

/** Makes an interrupt end what runs and then the process, instead of the process at once. */
export function interruptible() {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      interrupted = true;
      controller.abort(new Error(`interrupted by ${signal}`));
    });
  }
  return controller.signal;
}

async function runVitest(label, args, engines, nodeFolder = dirname(process.execPath)) {
  const report = join(tmpdir(), `es-test-report-${process.pid}.json`);
  const begun = Date.now();
  const exitCode = await runForeground(
    join(root, "node_modules/.bin/vitest"),
    ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...args],
    {
      CLICKHOUSE_URL: engines.clickhouse.url,
      REDIS_URL: engines.redis.url,
      PATH: `${nodeFolder}${delimiter}${process.env.PATH ?? ""}`,
    },
  );
  recordTime(label, begun);
  try {
    return count(JSON.parse(readFileSync(report, "utf8")), exitCode);
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(report, { force: true });
  }
}

/** The counts of a run as its report has them. A run that ended with an error has failed, whatever it counted. */
export function count(report, exitCode) {
  const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests, numTodoTests } = report;
  return {
    passed: numPassedTests,
    // A file that fails to load has no tests to count, and an error outside any test fails the run.
    failed: numFailedTests || (exitCode === 0 ? 0 : Math.max(1, numFailedTestSuites)),
    skipped: numPendingTests + numTodoTests,
  };
}

function describeEngines({ clickhouse, redis, host }) {
  return [
    `ClickHouse ${clickhouse.version} from ${clickhouse.source}`,
    `Redis ${redis.version} from ${redis.source}`,
    ...(host === undefined ? [] : [host]),
  ];
}

/** Prints what ran on what, and for how long; the last line is the sum. @returns {number} the exit code */
export function summarize(code = 0) {
  summarized = true;
  for (const { label, engines, ...counts } of runs) {
    console.log(`\n${label}: ${countsOf(counts)}`);
    for (const engine of engines) console.log(`  ${engine}`);
  }
  console.log(`\n${timeTable()}\n${((Date.now() - started) / 1000).toFixed(0)} s in all\n`);
  const missing = Math.max(0, expected - runs.length);
  const sum = { passed: 0, failed: missing, skipped: 0 };
  for (const run of runs) {
    for (const key of Object.keys(sum)) sum[key] += run[key];
  }
  if (code !== 0) sum.failed ||= 1;
  console.log(countsOf(sum));
  return sum.failed > 0 ? 1 : code;
}

function countsOf({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
