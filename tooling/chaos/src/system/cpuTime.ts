import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Of `/proc`: always so on Linux. */
const TICKS_PER_SECOND = 100;

/** The processor time a process has taken so far, milliseconds. */
export async function cpuMsOf(pid: number): Promise<number> {
  if (process.platform === "linux") {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // Behind the name, which may hold anything but is in parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (1_000 * (Number(fields[11]) + Number(fields[12]))) / TICKS_PER_SECOND;
  }
  const { stdout } = await run("ps", ["-o", "time=", "-p", String(pid)]);
  const parts = stdout.trim().split(":").map(Number);
  return 1_000 * parts.reduce((sum, part) => 60 * sum + part, 0);
}
