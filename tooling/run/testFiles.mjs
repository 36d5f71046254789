// Finds the test files that the arguments of `npm test` select.
import { join, relative, resolve } from "node:path";
import { root } from "./bootstrap.mjs";

/** What keeps Vite from loading a checkout at this path, for it takes paths for parts of URLs; undefined if nothing does. */
export function pathProblem(path = root) {
  const found = /[#?%*]/.exec(path)?.[0];
  if (found === undefined) return undefined;
  return `The tests cannot run in ${path}: Vite does not load files whose path holds "${found}". Move the checkout to another folder.`;
}

/**
 * The absolute paths of all test files.
 * @param {{ needEngines?: boolean }} [options] `needEngines`: only files that need ClickHouse or Redis
 */
export async function testFiles({ needEngines = false } = {}) {
  const { createVitest } = await import("vitest/node");
  const vitest = await createVitest("test", { root, watch: false });
  try {
    return (await vitest.globTestSpecifications())
      .filter(({ project, moduleId }) => {
        const folder = project.config.provide.testsWithEngines;
        return (
          !needEngines || (folder !== undefined && moduleId.startsWith(join(project.config.root, folder)))
        );
      })
      .map(({ moduleId }) => moduleId);
  } finally {
    await vitest.close();
  }
}

/**
 * Replaces the filters among vitest's arguments by the files they select: Vitest compares a filter with paths below each
 * package, so that the name of a package selects nothing.
 * @param {string[]} args
 * @param {string[]} files absolute paths
 * @returns {Promise<string[]>} the options, then the files
 */
export async function selectTestFiles(args, files) {
  const { parseCLI } = await import("vitest/node");
  const { filter: filters } = parseCLI(["vitest", "run", ...args]);
  const options = [...args];
  // From the end: the value of an option may read like a filter.
  for (const filter of filters.toReversed()) options.splice(options.lastIndexOf(filter), 1);
  return [...options, ...filesOf(filters, files)];
}

/** The files whose path in the repository holds a filter, in any case; all without filters. */
function filesOf(filters, files) {
  const wanted = filters.map((filter) => relative(root, resolve(root, filter)).toLowerCase());
  const selected = files.filter((file) => {
    const path = relative(root, file).toLowerCase();
    return wanted.length === 0 || wanted.some((part) => path.includes(part));
  });
  if (selected.length > 0) return selected;
  throw new Error(
    `None of ${files.length} test files has a path that holds ${filters.join(" or ")}. A filter is a part of a path, such as ${relative(root, files[0])}.`,
  );
}
