import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Why disks can't be made read-only here, or `null` if they can. */
export async function whyNoMounts(): Promise<string | null> {
  try {
    await run("unshare", ["--mount", "true"]);
    await run("nsenter", ["--version"]);
    return null;
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split("\n").slice(-1);
    return `mounts need root and unshare (${line})`;
  }
}

/**
 * The command of a program that sees a folder through a mount of its own. The mount is the program's alone and ends with it,
 * so nothing can be left behind.
 */
export function withOwnMount(
  folder: string,
  command: string,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  const script = 'mount --bind "$0" "$0" && exec "$@"';
  return { command: "unshare", args: ["--mount", "sh", "-c", script, folder, command, ...args] };
}

/** Makes that mount read-only or writable again. Files open for writing hold it up for a moment. */
export async function remount(pid: number, folder: string, mode: "ro" | "rw"): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await run("nsenter", [
        "--target",
        String(pid),
        "--mount",
        "mount",
        "-o",
        `remount,${mode},bind`,
        folder,
      ]);
      return;
    } catch (error) {
      if (attempt === 40) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
