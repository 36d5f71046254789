import { type ChildProcess, spawn } from "node:child_process";
import { rm } from "node:fs/promises";

const START_TIMEOUT_MS = 60_000;

export interface ServerProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Resolves the server's address from a line it prints, or returns `undefined` while it isn't ready. */
  readonly ready: (line: string) => string | undefined;
  /** Removed when the server is closed. */
  readonly dataDir?: string;
}

export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  close(): Promise<void>;
}

const running = new Set<ChildProcess>();

// Whatever ends this process: what it started must not stay behind.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a server as a child process and waits until it says it is ready. It ends with this process. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { command, args, environment, dataDir } = options;
  const child = spawn(command, args, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const close = async () => {
    running.delete(child);
    await stop(child);
    if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true });
  };
  try {
    return { url: await readiness(child, options), pid: child.pid ?? 0, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function readiness(child: ChildProcess, { command, args, ready }: ServerProcessOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    let isReady = false;
    const fail = (why: string) =>
      reject(new Error(`${command} ${args.join(" ")} ${why}. It printed:\n${output.trim() || "(nothing)"}`));
    const timer = setTimeout(
      () => fail(`was not ready within ${START_TIMEOUT_MS / 1_000} s`),
      START_TIMEOUT_MS,
    );
    const read = (chunk: Buffer) => {
      if (isReady) return;
      output += chunk.toString("utf8");
      for (const line of output.split("\n")) {
        const url = ready(line);
        if (url === undefined) continue;
        isReady = true;
        clearTimeout(timer);
        resolve(url);
        return;
      }
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", (error) => {
      clearTimeout(timer);
      fail(`did not start: ${error.message}`);
    });
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${signal ?? `code ${code}`}`);
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(timer);
}
