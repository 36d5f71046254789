import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeBlocks } from "./markdown.js";
import { root } from "./workspace.js";

const run = promisify(execFile);

/** Readmes whose examples need no engine. */
const readmes = ["core", "store-memory", "queue-memory", "api-keys"];

describe("a project outside the workspace, with packages that npm run pack made", () => {
  let project: string;
  const vendored = () => readdir(join(project, "vendor"));
  const pack = (...names: string[]) =>
    run("npm", ["run", "--silent", "--prefix", root, "pack", "--", "vendor", ...names], {
      cwd: project,
      env: { ...process.env, INIT_CWD: project },
    });

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), "es packed-"));
    await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
    await pack("store-memory", "@es/queue-memory", "api-keys");
    const tarballs = (await vendored()).map((file) => `./vendor/${file}`);
    await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...tarballs], {
      cwd: project,
    });
  }, 300_000);
  afterAll(() => rm(project, { recursive: true, force: true }));

  it("has what it named and what that needs, and nothing else", async () => {
    expect((await vendored()).map((file) => file.replace(/-\d.*$/, "")).sort()).toEqual([
      "es-api-keys",
      "es-core",
      "es-processing",
      "es-queue-memory",
      "es-store-memory",
    ]);
  });

  it("has one copy of each, all from the folder", async () => {
    const lock = JSON.parse(await readFile(join(project, "package-lock.json"), "utf8")) as {
      packages: Readonly<Record<string, { resolved?: string }>>;
    };
    const ours = Object.entries(lock.packages).filter(([path]) => path.includes("/@es/"));
    expect(ours.map(([path]) => path).sort()).toEqual([
      "node_modules/@es/api-keys",
      "node_modules/@es/core",
      "node_modules/@es/processing",
      "node_modules/@es/queue-memory",
      "node_modules/@es/store-memory",
    ]);
    for (const [path, { resolved }] of ours) expect(resolved, path).toMatch(/^file:vendor\//);
  });

  it("packs again over what is there", async () => {
    const before = await vendored();
    await writeFile(join(project, "vendor", "es-core-0.0.1.tgz"), "an older version");
    await writeFile(join(project, "vendor", "es-core-of-ours.tgz"), "not ours");
    await pack("core");
    expect((await vendored()).sort()).toEqual([...before, "es-core-of-ours.tgz"].sort());
  });

  it("refuses a package there is not, by name", async () => {
    await expect(pack("no-such-package")).rejects.toMatchObject({
      stderr: expect.stringMatching(/There is no package @es\/no-such-package\. There are @es\/api-keys, /),
    });
  });

  it.each(readmes)("compiles and runs the examples of @es/%s", { timeout: 120_000 }, async (name) => {
    const blocks = codeBlocks(`packages/${name}/README.md`).filter(({ info }) => info === "ts");
    expect(blocks.length).toBeGreaterThan(0);
    for (const { line, code } of blocks) await writeFile(join(project, `${name}-${line}.ts`), `${code}\n`);
    await writeFile(
      join(project, `tsconfig.${name}.json`),
      JSON.stringify({
        compilerOptions: {
          module: "NodeNext",
          target: "ES2023",
          strict: true,
          moduleDetection: "force",
          outDir: ".",
          types: ["node"],
          typeRoots: [join(root, "node_modules/@types")],
        },
        files: blocks.map(({ line }) => `${name}-${line}.ts`),
      }),
    );
    const compiled = await run(join(root, "node_modules/.bin/tsc"), ["-p", `tsconfig.${name}.json`], {
      cwd: project,
    }).catch((error: { stdout: string }) => error);
    expect(compiled.stdout).toBe("");
    for (const { line } of blocks) await run(process.execPath, [`${name}-${line}.js`], { cwd: project });
  });

  it("has their commands", async () => {
    const { stdout } = await run("npx", ["--no", "es-keys", "create", "--tenant", "acme"], { cwd: project });
    expect(stdout).toMatch(/^API key of tenant "acme"/);
  });
});
