import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface SystemPackage {
  /** What must be on PATH. */
  readonly command: string;
  /** The name of its package for apt-get. */
  readonly aptPackage: string;
  /** What to do where it cannot be installed from here. */
  readonly advice: string;
}

/** Installs a command where the system's packages may be installed. @throws an error with the advice */
export async function ensureSystemPackage({ command, aptPackage, advice }: SystemPackage): Promise<void> {
  if (await isOnPath(command)) return;
  if (process.getuid?.() === 0 && (await isOnPath("apt-get"))) {
    process.stderr.write(`${command} is not installed: installing it with apt-get…\n`);
    const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const options = { env: environment, maxBuffer: 64 * 1024 * 1024 };
    // One at a time on this machine: apt-get refuses to wait for another.
    const aptGet = (...args: string[]) =>
      run("flock", ["/run/lock/es-test-apt", "apt-get", ...args], options);
    await aptGet("update", "-qq");
    await aptGet("install", "-y", "-qq", "--no-install-recommends", aptPackage);
    if (await isOnPath(command)) return;
  }
  throw new Error(advice);
}

export async function isOnPath(command: string): Promise<boolean> {
  try {
    await run(command, ["--version"]);
    return true;
  } catch {
    return false;
  }
}
