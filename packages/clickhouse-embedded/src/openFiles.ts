import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Of the process and the engine at rest, and of the parts of tables that statements read. */
const ownFiles = 64;
/** Of a running statement: both ends of its pipe, the engine's end, and a file of data. */
const filesOfStatement = 4;
const fewestConnections = 64;
const mostConnections = 4096;

/** Returns how many files and connections this process may have open at once; undefined where the system does not say. */
export function openFileLimit(): number | undefined {
  const text = fromProc() ?? fromShell();
  const limit = text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text);
  return Number.isNaN(limit) || limit <= 0 ? undefined : limit;
}

function fromProc(): string | undefined {
  try {
    return /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/** A child has the limit of its parent. */
function fromShell(): string | undefined {
  try {
    return execFileSync("sh", ["-c", "ulimit -n"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return undefined;
  }
}

/** Returns the least number of files the process must be able to open to run so many statements at once. */
export function neededFiles(concurrency: number): number {
  return reservedFiles(concurrency) + fewestConnections;
}

/**
 * Returns how many connections a server may have at once: a quarter of what the engine leaves, so that neither this server nor others of
 * the process can take the files that statements need.
 */
export function connectionLimit(openFiles: number | undefined, concurrency: number): number {
  if (openFiles === undefined) return mostConnections;
  const share = Math.floor((openFiles - reservedFiles(concurrency)) / 4);
  return Math.min(mostConnections, Math.max(fewestConnections, share));
}

function reservedFiles(concurrency: number): number {
  return ownFiles + filesOfStatement * concurrency;
}
