import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { pathProblem, selectTestFiles, testFiles } from "../../run/testFiles.mjs";
import { root } from "./workspace.js";

let files: string[];
beforeAll(async () => {
  files = await testFiles();
});

const select = async (...args: string[]) =>
  (await selectTestFiles(args, files)).map((file) => file.replace(root, ""));

describe("a filter of npm test", () => {
  it.each([
    ["the name of a package", "queue-memory", "packages/queue-memory/"],
    ["a package and a file in it", "session-projection/src/", "packages/session-projection/src/"],
    ["a folder of the repository", "tooling/chaos", "tooling/chaos/"],
    ["a path in another case", "./Packages/OTLP/Test", "packages/otlp/test/"],
    ["a part of a file's name", "testFilter", "tooling/repository/test/testFilter.test.ts"],
    ["an absolute path", join(root, "apps/console"), "apps/console/"],
  ])("may be %s", async (_, filter, start) => {
    const selected = await select(filter);
    expect(selected.length).toBeGreaterThan(0);
    expect(selected.filter((path) => !path.startsWith(start))).toEqual([]);
  });

  it("selects every package that has tests by its folder's name", async () => {
    for (const name of readdirSync(join(root, "packages"))) {
      // A folder that only holds the build of a package that is gone.
      if (!existsSync(join(root, "packages", name, "package.json"))) continue;
      const selected = await select(name);
      expect(selected.filter((path) => path.startsWith(`packages/${name}/`)).length, name).toBeGreaterThan(0);
    }
  });

  it("may come several times, among options of vitest", async () => {
    expect(await select("testFilter", "-u", "-t", "may come", "packageHygiene")).toEqual([
      "-u",
      "-t",
      "may come",
      "tooling/repository/test/packageHygiene.test.ts",
      "tooling/repository/test/testFilter.test.ts",
    ]);
  });

  it("that selects nothing is refused by name", async () => {
    await expect(select("no-such-file")).rejects.toThrow(
      /None of \d+ test files has a path that holds no-such-file\./,
    );
  });
});

describe("a checkout", () => {
  it.each(["/src/es/", "/home/é ü/esm/dist/", "/srv/[a] (b) {c,d}/node_modules/es/"])(
    "may lie in %s",
    (path) => {
      expect(pathProblem(path)).toBeUndefined();
    },
  );

  it.each([
    ["/src/c#/es/", "#"],
    ["/src/100%/", "%"],
    ["/src/why?/", "?"],
  ])("is not tested in %s, and the reason is given", (path, character) => {
    expect(pathProblem(path)).toContain(`holds "${character}"`);
  });
});
