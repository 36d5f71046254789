import { type ChildProcess, fork } from "node:child_process";
import { programFile } from "./repository.js";

const running = new Set<ChildProcess>();

// Whatever ends this process: what it started must not stay behind.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A program of this package in a process of its own, which answers calls; its other side is `answerCalls`. */
export class Program {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #calling = 0;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
  }

  /** @param path below the package's sources, such as `load/httpLoad.js` */
  static async start(path: string, execArgv: readonly string[] = []): Promise<Program> {
    // Advanced: bodies are bytes, and instants are bigint.
    const child = fork(programFile(path), [], { serialization: "advanced", execArgv: [...execArgv] });
    const program = new Program(path, child);
    running.add(child);
    child.on("message", (answer: Answer) => program.#answered(answer));
    child.once("error", (error) => program.#failAll(error));
    child.once("exit", (code, signal) => {
      running.delete(child);
      program.#failAll(new Error(`${path} ended with ${signal ?? `code ${code}`}.`));
    });
    await program.call("ready");
    return program;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Rejects with what the program threw, or when it ends. */
  call<T = void>(name: string, argument?: unknown): Promise<T> {
    const id = this.#calling++;
    return new Promise<T>((resolve, reject) => {
      if (!this.#child.connected) {
        reject(new Error(`${this.#name} has ended.`));
        return;
      }
      this.#calls.set(id, { resolve: (value) => resolve(value as T), reject });
      this.#child.send({ id, name, argument } satisfies Call);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    if (this.#child.connected) this.#child.disconnect();
    await ended;
    clearTimeout(timer);
  }

  #answered(answer: Answer): void {
    const call = this.#calls.get(answer.id);
    this.#calls.delete(answer.id);
    if ("error" in answer) call?.reject(new Error(`${this.#name}: ${answer.error}`));
    else call?.resolve(answer.value);
  }

  #failAll(error: Error): void {
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
  }
}

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

/** Answers the calls of `Program`. `close` is called when the other side is done or gone; then the process ends. */
export function answerCalls(
  handlers: Readonly<Record<string, (argument: never) => unknown>>,
  close: () => Promise<void> = async () => {},
): void {
  const answer = (message: Answer) => {
    if (process.connected) process.send?.(message);
  };
  process.on("message", async ({ id, name, argument }: Call) => {
    try {
      const handler = name === "ready" ? () => undefined : handlers[name];
      if (handler === undefined) throw new Error(`There is no call ${name}.`);
      answer({ id, value: await handler(argument as never) });
    } catch (error) {
      answer({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.once("disconnect", async () => {
    await close();
    process.exit(0);
  });
  // A terminal's interrupt is for the one that started us.
  process.on("SIGINT", () => {});
}
