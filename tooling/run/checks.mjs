// The two runs of the tests, and what goes before them.
import { build, install, runTool, timed, turbo } from "./bootstrap.mjs";
import { engines } from "./engines.mjs";
import { interruptible, runTests } from "./suite.mjs";
import { pathProblem, selectTestFiles, testFiles } from "./testFiles.mjs";

export async function prepare() {
  const problem = pathProblem();
  if (problem !== undefined) {
    console.error(problem);
    process.exit(1);
  }
  await install();
  await build();
}

/** Everything that needs no engine. */
export async function check() {
  await turbo("Linting and checking types", ["lint", "typecheck"]);
  await timed("Looking for what nothing uses", async () => {
    const code = await runTool("knip", ["--no-progress", "--no-config-hints"]);
    if (code !== 0)
      throw new Error("Something is not used, or not listed: see above. knip.json says what counts.");
  });
  await turbo("Checking packages as they would be published", ["check:package"]);
}

/**
 * All tests, or the test files that the arguments select, on the engines of this machine.
 * @param {string[]} args filters and options of vitest
 */
export async function test(args) {
  const { startTestEngines } = await engines();
  await runTests("Tests", startTestEngines, async () =>
    args.length === 0 ? [] : await selectTestFiles(args, await testFiles()),
  );
}

/**
 * The tests of every project that needs engines, on engines in containers.
 * @param {string[]} args filters and options of vitest
 * @param {{ maxWorkers?: number }} [options] `maxWorkers`: test files at once, if not as many as usual
 */
export async function testInContainers(args, { maxWorkers } = {}) {
  const { startContainerEngines } = await engines();
  const signal = interruptible();
  await runTests(
    "Tests in containers",
    () => startContainerEngines({ step: timed, signal }),
    async () => [
      ...(await selectTestFiles(args, await testFiles({ needEngines: true }))),
      ...(maxWorkers === undefined ? [] : [`--maxWorkers=${maxWorkers}`]),
    ],
  );
}
