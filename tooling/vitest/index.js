import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const repositoryRoot = fileURLToPath(new URL("../../", import.meta.url));

/** Every workspace package's exports, each pointed at its source, so that tests never run a stale build. */
function sourceAliases() {
  const aliases = [];
  for (const group of ["packages", "apps", "tooling"]) {
    for (const folder of readdirSync(`${repositoryRoot}${group}`)) {
      const root = `${repositoryRoot}${group}/${folder}`;
      if (!existsSync(`${root}/package.json`)) continue;
      const manifest = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
      for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
        const built = target.default;
        if (built === undefined || !built.startsWith("./dist/")) continue;
        const specifier = manifest.name + subpath.slice(1);
        aliases.push({
          find: new RegExp(`^${specifier.replaceAll("/", "\\/")}$`),
          replacement: `${root}/src/${built.slice("./dist/".length).replace(/\.js$/, ".ts")}`,
        });
      }
    }
  }
  return aliases;
}

/**
 * The test configuration of one package.
 * @param {string} configUrl `import.meta.url` of the package's vitest.config.ts
 * @param {import("./index.d.ts").PackageTestOptions} [options]
 */
export function packageTests(configUrl, { engines = false, isolate = false } = {}) {
  return defineConfig({
    root: fileURLToPath(new URL(".", configUrl)),
    resolve: { alias: sourceAliases() },
    test: {
      // Threads crash the embedded ClickHouse engine: one instance belongs to one process.
      pool: "forks",
      isolate,
      include: ["src/**/*.test.ts", "test/**/*.test.ts"],
      exclude: ["**/dist/**", "**/node_modules/**"],
      // Node loads every dependency, as it does in production. Vitest would guess by the whole path, and takes all that
      // lies below a folder called `es` or `esm` for ES modules: also what is in a checkout of that name.
      server: { deps: { external: [/\/node_modules\/.*\.js$/] } },
      testTimeout: 60_000,
      hookTimeout: 120_000,
      ...(engines === false
        ? {}
        : {
            globalSetup: [`${repositoryRoot}tooling/engines/src/vitest.ts`],
            // What `npm run test:containers` selects its tests by.
            provide: { testsWithEngines: engines === true ? "" : engines },
          }),
    },
  });
}
