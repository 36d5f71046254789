// `npm test`: installs, builds, checks and tests everything on real engines. `npm test -- <filter>` runs the test files
// whose path holds the filter, and nothing else.
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, install, requireNode, root, runForeground, turbo } from "./bootstrap.mjs";

let summarized = false;
// Whatever ends the run before its tests do, its last line still counts.
process.on("exit", () => {
  if (!summarized) console.log("0 passed, 1 failed");
});

requireNode();
const filters = process.argv.slice(2);
const started = Date.now();
await install();
await build();
if (filters.length === 0) {
  await turbo("Linting and checking types", ["lint", "typecheck"]);
  await turbo("Checking packages as they would be published", ["check:package"]);
}

const { startTestServices } = await import(join(root, "tooling/services/dist/index.js"));
const services = await startTestServices().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
console.error(`ClickHouse: ${services.clickhouse.source}\nRedis: ${services.redis.source}`);

const report = join(tmpdir(), `es-test-report-${process.pid}.json`);
const code = await runForeground(
  join(root, "node_modules/.bin/vitest"),
  ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...filters],
  { CLICKHOUSE_URL: services.clickhouse.url, REDIS_URL: services.redis.url },
);
await services.close();
process.exit(summarize(code));

function summarize(exitCode) {
  let result;
  try {
    result = JSON.parse(readFileSync(report, "utf8"));
    rmSync(report);
  } catch {
    return exitCode || 1;
  }
  const {
    numPassedTests: passed,
    numFailedTests,
    numFailedTestSuites,
    numPendingTests,
    numTodoTests,
  } = result;
  // A file that fails to load has no tests to count, and an error outside any test fails the run.
  const failed = numFailedTests || (exitCode === 0 ? 0 : Math.max(1, numFailedTestSuites));
  const skipped = numPendingTests + numTodoTests;
  console.log(
    `\nClickHouse from ${services.clickhouse.source}, Redis from ${services.redis.source}; ` +
      `${((Date.now() - started) / 1000).toFixed(0)} s in all`,
  );
  summarized = true;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  return exitCode;
}
