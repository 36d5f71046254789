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
  await inside(pid, "mount", "--bind", folder, folder);
  for (let attempt = 1; ; attempt++) {
    try {
      await inside(pid, "mount", "-o", "remount,ro,bind", folder);
      return;
    } catch (error) {
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
  // Lazily, for files that are being read.
  await inside(pid, "umount", "--lazy", folder);
}
