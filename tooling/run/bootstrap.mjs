import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { codeOfSignal, spawnTree } from "./processTree.mjs";

export const root = fileURLToPath(new URL("../../", import.meta.url));

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const binaries = join(root, "node_modules/.bin");
const installedMarker = join(root, "node_modules/.es-installed");

/** Ends the process with a readable line if this Node.js is too old. */
export function requireNode() {
  const needed = manifest.engines.node.replace(">=", "").split(".").map(Number);
  const actual = process.versions.node.split(".").map(Number);
  const tooOld = actual[0] < needed[0] || (actual[0] === needed[0] && actual[1] < needed[1]);
  if (tooOld) {
    console.error(`This needs Node.js ${manifest.engines.node}; you run ${process.versions.node}.`);
    process.exit(1);
  }
}

/** Installs the locked dependencies, unless that was done for this lockfile. */
export async function install() {
  const lockfile = createHash("sha256")
    .update(readFileSync(join(root, "pnpm-lock.yaml")))
    .update(process.version)
    .digest("hex");
  if (existsSync(installedMarker) && readFileSync(installedMarker, "utf8") === lockfile) return;
  // Through npx, for corepack does not work on every Node 20; without its own version switch, which downloads itself again.
  const [, version] = manifest.packageManager.split("@");
  await step("Installing dependencies", "npx", ["--yes", `pnpm@${version}`, "install", "--frozen-lockfile"], {
    npm_config_manage_package_manager_versions: "false",
    CI: "true",
  });
  mkdirSync(join(root, "node_modules"), { recursive: true });
  writeFileSync(installedMarker, lockfile);
}

/** Installs a workspace of its own below this one, such as the recorder's, with the pnpm that is installed. */
export async function installBeside(label, folder, args = []) {
  await step(label, join(binaries, "pnpm"), ["install", "--frozen-lockfile", "--dir", folder, ...args], {
    npm_config_manage_package_manager_versions: "false",
    // What is installed there may need another Node.js than this one.
    npm_config_engine_strict: "false",
    CI: "true",
  });
}

/**
 * Builds with turbo, which skips what did not change. `filter`: only this package, or these, and what they need; `quietMs`: nothing is
 * said of a build that takes no longer.
 */
export async function build(filter = [], { quietMs = 0 } = {}) {
  const filters = [filter].flat().map((name) => `--filter=${name}...`);
  await turbo("Building", ["build", ...filters], { quietMs });
}

/** Packs packages of the workspace into a folder, with the versions of each other that are packed. */
export async function packInto(folder, names) {
  const filters = names.map((name) => `--filter=${name}`);
  await step(
    "Packing",
    join(binaries, "pnpm"),
    ["--recursive", ...filters, "pack", "--pack-destination", folder],
    {
      npm_config_manage_package_manager_versions: "false",
    },
  );
}

/** Runs turbo tasks over the workspace. */
export async function turbo(label, args, { quietMs = 0 } = {}) {
  await step(
    label,
    join(binaries, "turbo"),
    ["run", ...args, "--output-logs=errors-only"],
    toolEnvironment(),
    quietMs,
  );
}

/**
 * Runs an installed tool of the workspace, such as turbo, in this terminal.
 * @returns {Promise<number>} its exit code
 */
export function runTool(tool, args) {
  return runForeground(join(binaries, tool), args, toolEnvironment());
}

function toolEnvironment() {
  return {
    // Turbo asks pnpm about the workspace.
    PATH: `${binaries}${delimiter}${process.env.PATH ?? ""}`,
    TURBO_TELEMETRY_DISABLED: "1",
    DO_NOT_TRACK: "1",
  };
}

/** What took how long, in the order it ended. */
const times = [];

/**
 * Does a step of the work and says how long it takes.
 * @template T
 * @param {string} label
 * @param {(progress: (line: string) => void) => Promise<T>} work `progress` shows what it is at
 * @param {number} quietMs says nothing before so long
 * @returns {Promise<T>}
 */
export async function timed(label, work, quietMs = 0) {
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(0)} s`;
  const interactive = process.stderr.isTTY === true;
  let announced = false;
  const announce = () => {
    announced = true;
    process.stderr.write(`${label}…${interactive ? "" : "\n"}`);
  };
  const announcement = quietMs === 0 ? announce() : setTimeout(announce, quietMs);
  let lastLine = "";
  const tick = setInterval(
    () => {
      if (!announced) return;
      if (interactive) process.stderr.write(`\r\x1b[K${label}… ${seconds()} ${lastLine.slice(0, 60)}`);
      else process.stderr.write(`${label}… ${seconds()} ${lastLine}\n`);
    },
    interactive ? 500 : 15_000,
  );
  let ended = "failed after";
  try {
    const result = await work((line) => {
      lastLine = line;
    });
    ended = "done in";
    return result;
  } finally {
    clearInterval(tick);
    clearTimeout(announcement);
    if (interactive && announced) process.stderr.write("\r\x1b[K");
    if (announced) process.stderr.write(`${label}: ${ended} ${seconds()}\n`);
    recordTime(label, started);
  }
}

/** @param {number} started as `Date.now()` tells it */
export function recordTime(label, started) {
  times.push([label, (Date.now() - started) / 1000]);
}

export function timesSoFar() {
  return [...times];
}

/** Steps of another process, as its `timesSoFar` gives them. */
export function addTimes(others) {
  times.push(...others);
}

/** A table of the steps so far. */
export function timeTable() {
  const width = Math.max(...times.map(([label]) => label.length));
  return times
    .map(([label, seconds]) => `${label.padEnd(width)}  ${seconds.toFixed(0).padStart(5)} s`)
    .join("\n");
}

/**
 * Runs a command as a step. Its output is shown only if it fails, which ends the process.
 * @param {string} label
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} environment
 * @param {number} [quietMs] says nothing before so long
 */
async function step(label, command, args, environment, quietMs) {
  let output = "";
  try {
    await timed(
      label,
      async (progress) => {
        const child = spawnTree(command, args, {
          cwd: root,
          env: { ...process.env, ...environment },
          stdio: ["ignore", "pipe", "pipe"],
        });
        const collect = (chunk) => {
          output += chunk;
          progress(String(chunk).trim().split("\n").at(-1)?.trim() ?? "");
        };
        child.stdout.on("data", collect);
        child.stderr.on("data", collect);
        const code = await new Promise((resolve, reject) => {
          child.once("error", reject);
          child.once("close", resolve);
        });
        if (code !== 0) throw new Error(`it ended with ${code === null ? "a signal" : `code ${code}`}`);
      },
      quietMs,
    );
    const code = codeOfSignal();
    if (code !== undefined) process.exit(code);
  } catch (error) {
    const code = codeOfSignal();
    if (code !== undefined) process.exit(code);
    process.stderr.write(`${output.trim()}\n\n${label}: ${command} ${args.join(" ")}: ${error.message}\n`);
    process.exit(1);
  }
}

/**
 * Runs a command in this terminal and resolves with its exit code. Signals are passed on to it and all it starts, so that it can drain.
 * @returns {Promise<number>}
 */
export function runForeground(command, args, environment = {}) {
  const child = spawnTree(command, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
  });
}
