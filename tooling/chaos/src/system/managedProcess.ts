import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync } from "node:fs";

export interface ProcessDefinition {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Everything it prints goes here. */
  readonly logFile: string;
  /** Told when it ends and nobody made it. */
  readonly onCrash: (how: string) => void;
}

const running = new Set<ChildProcess>();

// Whatever ends this process: what it started must not stay behind, frozen or not.
process.on("exit", () => {
  for (const child of running) killGroup(child, "SIGKILL");
});

/** A program in a process group of its own, which can be killed, frozen and started again. */
export class ManagedProcess {
  readonly #definition: ProcessDefinition;
  #child: ChildProcess | undefined;
  #expectedToEnd = false;
  #ended: Promise<unknown> = Promise.resolve();
  starts = 0;
  /** As `performance.now()` tells it. */
  startedAt = 0;

  constructor(definition: ProcessDefinition) {
    this.#definition = definition;
  }

  get name(): string {
    return this.#definition.name;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @param extra changes the environment of this start alone */
  start(extra: Readonly<Record<string, string>> = {}): void {
    if (this.isRunning) return;
    const { command, args, environment, logFile } = this.#definition;
    this.starts++;
    this.startedAt = performance.now();
    appendFileSync(
      logFile,
      `--- start ${this.starts} ${new Date().toISOString()} ${JSON.stringify(extra)}\n`,
    );
    const log = openSync(logFile, "a");
    // Detached: a terminal's interrupt is for the harness, which ends its processes in order.
    const child = spawn(command, args, {
      env: { ...process.env, ...environment, ...extra },
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    this.#expectedToEnd = false;
    running.add(child);
    this.#ended = new Promise<void>((resolve) => {
      const end = (how: string) => {
        running.delete(child);
        appendFileSync(logFile, `--- ended with ${how} ${new Date().toISOString()}\n`);
        if (this.#child === child && !this.#expectedToEnd)
          this.#definition.onCrash(`${this.name} ended with ${how}`);
        resolve();
      };
      child.once("error", (error) => end(error.message));
      child.once("exit", (code, signal) => end(String(signal ?? code)));
    });
  }

  async kill(): Promise<void> {
    if (!this.isRunning || this.#child === undefined) return;
    this.#expectedToEnd = true;
    killGroup(this.#child, "SIGKILL");
    await this.#ended;
  }

  /** SIGTERM; killed after a while. Resolves with whether it ended by itself. */
  async stop(timeoutMs = 20_000): Promise<boolean> {
    if (!this.isRunning || this.#child === undefined) return true;
    this.#expectedToEnd = true;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => void this.kill(), timeoutMs);
    await this.#ended;
    clearTimeout(timer);
    return this.#child.exitCode === 0;
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}

/** Resolves when the program has printed or answered what `probe` looks for. */
export async function untilTrue(
  what: string,
  probe: () => Promise<boolean> | boolean,
  { timeoutMs = 60_000, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    if (await probe()) return;
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs / 1_000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
