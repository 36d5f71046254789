import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** A program of ours as a process of its own. */
export interface RunningProcess {
  readonly pid: number;
  /** Standard output and standard error so far. */
  output(): string;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal?: NodeJS.Signals): void;
  /** SIGTERM, and the wait for its end. */
  stop(): Promise<number | NodeJS.Signals>;
}

const running = new Set<RunningProcess>();

/** Starts a script of this repository with its built sources. */
export function startProcess(
  script: string,
  environment: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
  { openFiles }: { /** How many files it may open at once. */ readonly openFiles?: number } = {},
): RunningProcess {
  const command = [process.execPath, join(root, script), ...args];
  const limited = ["sh", "-c", `ulimit -n ${openFiles}; exec "$0" "$@"`, ...command];
  const [program = "", ...programArgs] = openFiles === undefined ? command : limited;
  const child: ChildProcess = spawn(program, programArgs, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString("utf8");
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    output += chunk.toString("utf8");
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("close", (code, signal) => {
      running.delete(started);
      resolve(signal ?? code ?? 1);
    });
  });
  const started: RunningProcess = {
    pid: child.pid ?? 0,
    output: () => output,
    ended,
    kill: (signal = "SIGKILL") => void child.kill(signal),
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
  running.add(started);
  return started;
}

/** Ends what a test left running. */
export async function killLeftovers(): Promise<void> {
  const left = [...running];
  for (const started of left) started.kill("SIGKILL");
  await Promise.all(left.map(({ ended }) => ended));
}

/** Waits until `probe` gives something, and shows what the process printed if it ends or takes too long. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 60_000, watch }: { timeoutMs?: number; watch?: RunningProcess } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let hasEnded = false;
  // Looks cost the machine what others wait for: fewer, the longer it takes.
  let pauseMs = 25;
  watch?.ended.then(() => {
    hasEnded = true;
  });
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (hasEnded) throw new Error(`Ended before: ${what}\n${watch?.output()}`);
    if (Date.now() > deadline)
      throw new Error(`Not within ${timeoutMs} ms: ${what}\n${watch?.output() ?? ""}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(250, pauseMs * 1.25);
  }
}

/** A folder that is removed with the rest of the test. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "es-e2e-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
