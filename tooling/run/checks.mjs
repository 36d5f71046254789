// The two runs of the tests, and what goes before them.
import { join, relative } from "node:path";
import { build, install, root, timed, turbo } from "./bootstrap.mjs";
import { interruptible, runTests } from "./suite.mjs";

export async function prepare() {
  await install();
  await build();
}

/** Everything that needs no engine. */
export async function check() {
  await turbo("Linting and checking types", ["lint", "typecheck"]);
  await turbo("Checking packages as they would be published", ["check:package"]);
}

/** All tests, or those whose file's path holds a filter, on the engines of this machine. */
export async function test(filters) {
  const { startTestServices } = await services();
  await runTests("Tests", startTestServices, async () => filters);
}

/**
 * The tests of every project that needs engines, on engines in containers.
 * @param {string[]} filters
 * @param {{ maxWorkers?: number }} [options] `maxWorkers`: test files at once, if not as many as usual
 */
export async function testInContainers(filters, { maxWorkers } = {}) {
  const { startContainerServices } = await services();
  const signal = interruptible();
  await runTests(
    "Tests in containers",
    () => startContainerServices({ step: timed, signal }),
    async () => [
      ...(await filesWithEngines(filters)),
      ...(maxWorkers === undefined ? [] : [`--maxWorkers=${maxWorkers}`]),
    ],
  );
}

function services() {
  return import(join(root, "tooling/services/dist/index.js"));
}

/** The test files of the vitest projects that ask for engines, if their path holds a filter. */
async function filesWithEngines(filters) {
  const { createVitest } = await import("vitest/node");
  const vitest = await createVitest("test", { root, watch: false });
  try {
    const files = [];
    for (const { project, moduleId } of await vitest.globTestSpecifications()) {
      const folder = project.config.provide.testsWithEngines;
      if (folder !== undefined && moduleId.startsWith(join(project.config.root, folder)))
        files.push(moduleId);
    }
    const selected = files.filter(
      (file) => filters.length === 0 || filters.some((filter) => relative(root, file).includes(filter)),
    );
    if (selected.length === 0) {
      throw new Error(
        `None of ${files.length} test files that need engines has a path that holds ${filters.join(" or ")}.`,
      );
    }
    return selected;
  } finally {
    await vitest.close();
  }
}
