import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What a process needed between two instants. */
export interface ProcessUsage {
  /** User and system time of all its threads. */
  readonly cpuSeconds: number;
  /** The most resident memory that was seen, sampled ten times a second. */
  readonly maxRssBytes: number;
}

/** Processes by the name they have in a report. */
export type Pids = Readonly<Record<string, number>>;

const SAMPLE_MS = 100;
const ticksPerSecond = readable("/proc/self/stat")
  ? Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }))
  : 0;

/** Whether this system tells what other processes use: those with a `/proc` of Linux. */
export const usageIsKnown = ticksPerSecond > 0;

/** Watches until the returned function is called. Gives nothing where the system does not tell. */
export function watchProcesses(pids: Pids): () => Readonly<Record<string, ProcessUsage>> {
  if (!usageIsKnown) return () => ({});
  const watched = Object.entries(pids).map(([name, pid]) => ({
    name,
    pid,
    cpuBefore: cpuSeconds(pid),
    maxRssBytes: rssBytes(pid),
  }));
  const sample = () => {
    for (const one of watched) one.maxRssBytes = Math.max(one.maxRssBytes, rssBytes(one.pid));
  };
  const sampling = setInterval(() => {
    try {
      sample();
    } catch {
      // One has ended: who stops watching is told.
      clearInterval(sampling);
    }
  }, SAMPLE_MS);
  return () => {
    clearInterval(sampling);
    sample();
    return Object.fromEntries(
      watched.map(({ name, pid, cpuBefore, maxRssBytes }) => [
        name,
        { cpuSeconds: cpuSeconds(pid) - cpuBefore, maxRssBytes },
      ]),
    );
  };
}

function cpuSeconds(pid: number): number {
  // The second field, the program's name, may hold blanks and brackets.
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function rssBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(line?.[1] ?? 0) * 1_024;
}

function readable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
