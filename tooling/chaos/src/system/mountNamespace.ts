import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Why disks can't be made read-only here, or `null` if they can. */
export async function whyNoMounts(): Promise<string | null> {
  try {
    await run("unshare", ["--mount", "nsenter", "--version"]);
    return null;
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).trim().split("\n").at(-1);
    return `a mount needs root, unshare and nsenter (${reason})`;
  }
}

/** Runs a program with mounts of its own: nobody else sees them, and they end with it. */
export const ownMounts = ["unshare", "--mount"] as const;

const inside = (pid: number, ...command: readonly string[]) =>
  run("nsenter", ["--target", String(pid), "--mount", ...command]);

/** From now on the program can read below the folder and write nothing, like on a disk that went read-only. */
export async function makeReadOnly(pid: number, folder: string): Promise<void> {
  try {
    await inside(pid, "mount", "--bind", folder, folder);
  } catch (error) {
    if (isGone(error)) return;
    throw error;
  }
  for (let attempt = 1; ; attempt++) {
    try {
      await inside(pid, "mount", "-o", "remount,ro,bind", folder);
      return;
    } catch (error) {
      if (isGone(error)) return;
      // Busy while a file is open for writing, which the program opened since the mount was there.
      if (attempt < 100) await sleep(20);
      else {
        await makeWritable(pid, folder);
        throw error;
      }
    }
  }
}

export async function makeWritable(pid: number, folder: string): Promise<void> {
  try {
    // Lazily, for files that are being read.
    await inside(pid, "umount", "--lazy", folder);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Another fault may end the program, and the mount with it, or start it again without one: its disk is whole then. */
function isGone(error: unknown): boolean {
  return /not mounted|not mount point|No such (file|process)/i.test(String(error));
}
