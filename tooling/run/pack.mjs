// `npm run pack -- <folder> [package…]`: installs, builds, and packs packages and what they need into a folder, from which a
// project outside this workspace installs them: `npm install <folder>/*.tgz`.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, install, packInto, requireNode, root } from "./bootstrap.mjs";

const usage = `npm run pack -- <folder> [package…]

Packs the named packages, such as @es/core, and all they need of this workspace into the folder; all packages without a name.
A project installs them with: npm install <folder>/*.tgz`;

const [folder, ...names] = process.argv.slice(2);
const packages = new Map(
  readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name, "package.json"))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, "utf8")))
    .map((manifest) => [manifest.name, manifest]),
);
const wanted = names.map((name) => (name.startsWith("@") ? name : `@es/${name}`));
const unknown = wanted.find((name) => !packages.has(name));
if (folder === undefined || folder.startsWith("-") || unknown !== undefined) {
  const problem =
    unknown === undefined
      ? ""
      : `There is no package ${unknown}. There are ${[...packages.keys()].join(", ")}.\n\n`;
  console.error(problem + usage);
  process.exit(folder === "--help" || folder === "-h" ? 0 : 1);
}

requireNode();
await install();
const selected = wanted.length === 0 ? [...packages.keys()] : withNeeded(wanted);
await build(selected);
// npm runs scripts in the root; a relative folder is meant from where the command was typed.
const target = resolve(process.env.INIT_CWD ?? process.cwd(), folder);
mkdirSync(target, { recursive: true });
for (const file of readdirSync(target))
  if (selected.some((name) => isTarball(file, name))) rmSync(join(target, file));
await packInto(target, selected);
for (const name of selected)
  console.log(
    join(
      target,
      readdirSync(target).find((file) => isTarball(file, name)),
    ),
  );
console.log(`\nIn a project: npm install ${target}/*.tgz`);

/** The packages and what they depend on, each once. */
function withNeeded(wantedNames) {
  const found = new Set();
  const add = (name) => {
    if (!packages.has(name) || found.has(name)) return;
    found.add(name);
    const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = packages.get(name);
    const needed = Object.keys(peerDependencies).filter(
      (peer) => peerDependenciesMeta[peer]?.optional !== true,
    );
    for (const dependency of [...Object.keys(dependencies), ...needed]) add(dependency);
  };
  for (const name of wantedNames) add(name);
  return [...found];
}

/** Whether a file is a package of this name at any version. */
function isTarball(file, name) {
  const start = `${name.slice(1).replace("/", "-")}-`;
  return file.startsWith(start) && /^\d.*\.tgz$/.test(file.slice(start.length));
}
