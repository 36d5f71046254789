// Processes that end as a whole: npm → shell → a command of this folder → what that starts.
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const preload = fileURLToPath(new URL("endWithParent.cjs", import.meta.url));
const everyMs = 500;
const signals = ["SIGTERM", "SIGINT"];

/** Process groups that run, by the pid of their first process. */
const groups = new Set();

// Whatever ends this process by a call or an error: what it started must not stay behind.
process.on("exit", () => {
  for (const group of groups) signalGroup(group, "SIGTERM");
});

/**
 * Starts a command as the first of a process group of its own. The whole group gets the signals that this process gets, SIGTERM when the
 * npm or process that started this one is gone, and what `terminate` sends. A Node.js command also ends by itself if this process is killed.
 * @param {string} command
 * @param {string[]} args
 * @param {import("node:child_process").SpawnOptions} options
 */
export function spawnTree(command, args, options) {
  const watched = command === process.execPath ? ["--require", preload, ...args] : args;
  const child = spawn(command, watched, { ...options, detached: true });
  if (child.pid === undefined) return child;
  const { pid } = child;
  groups.add(pid);
  watch();
  child.once("close", () => {
    groups.delete(pid);
    unwatch();
  });
  return child;
}

function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended.
  }
}

let watchers = 0;
let timer;
let received;
const parent = process.ppid;
const npm = npmAboveShell();

/** The pid of the npm whose shell started this process: if npm is killed, the shell goes on. */
function npmAboveShell() {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  try {
    const { name, above } = describeProcess(parent);
    return /^-?(?:.*\/)?(?:sh|dash|bash|ash|zsh|busybox)$/.test(name) && above > 1 ? above : undefined;
  } catch {
    return undefined;
  }
}

function describeProcess(pid) {
  if (process.platform === "linux") {
    const [, name, above] = /\((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return { name, above: Number(above) };
  }
  const text = execFileSync("ps", ["-o", "ppid=,comm=", "-p", String(pid)], { encoding: "utf8" });
  const [, above, name] = /(\d+)\s+(.*\S)/.exec(text);
  return { name, above: Number(above) };
}

function isOrphan() {
  if (process.ppid !== parent) return true;
  if (npm === undefined) return false;
  try {
    process.kill(npm, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

function watch() {
  watchers += 1;
  if (watchers > 1) return;
  for (const signal of signals) process.on(signal, pass);
  timer = setInterval(() => {
    // A terminal's interrupt reaches npm and the shell, too: after that their end is no news.
    if (received === undefined && isOrphan()) pass("SIGTERM");
  }, everyMs);
}

function unwatch() {
  watchers -= 1;
  if (watchers > 0) return;
  for (const signal of signals) process.removeListener(signal, pass);
  clearInterval(timer);
}

function pass(signal) {
  received = signal;
  for (const group of groups) signalGroup(group, signal);
}

/** The exit code a shell gives a process that a signal ended; undefined while none was received. */
export function codeOfSignal() {
  return received === undefined ? undefined : 128 + constants.signals[received];
}
