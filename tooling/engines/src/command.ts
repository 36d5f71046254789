import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends the command and all it started. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the command if it prints nothing for so long. Default: it may be silent for ever. */
  readonly silenceMs?: number;
}

/** Runs a command to its end. @returns what it printed on standard output @throws with its last lines if it fails */
export function runCommand(
  command: string,
  args: readonly string[],
  { cwd, environment, signal, silenceMs }: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      // A process group of its own, so that it can be ended whole.
      detached: true,
    });
    let why: string | undefined;
    const end = (reason: string) => {
      why ??= reason;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
      } catch {
        // It has ended by itself.
      }
    };
    const interrupt = () => end("was interrupted");
    signal?.addEventListener("abort", interrupt, { once: true });
    const silent = () => end(`printed nothing for ${(silenceMs ?? 0) / 1_000} s`);
    let silence = silenceMs === undefined ? undefined : setTimeout(silent, silenceMs);
    const heard = () => {
      if (silence === undefined) return;
      clearTimeout(silence);
      silence = setTimeout(silent, silenceMs);
    };
    let output = "";
    let all = "";
    child.stdout.on("data", (chunk: Buffer) => {
      heard();
      output += chunk.toString("utf8");
      all += chunk.toString("utf8");
    });
    child.stderr.on("data", (chunk: Buffer) => {
      heard();
      all += chunk.toString("utf8");
    });
    const done = (failure: string | undefined) => {
      clearTimeout(silence);
      signal?.removeEventListener("abort", interrupt);
      if (failure === undefined) resolve(output);
      else reject(new Error(`${command} ${args.join(" ")} ${failure}:\n${lastLines(all)}`));
    };
    child.once("error", (error) => done(`did not start (${error.message})`));
    child.once("close", (code, killed) =>
      done(why ?? (code === 0 ? undefined : `failed with ${killed ?? `code ${code}`}`)),
    );
  });
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-20).join("\n") || "(it printed nothing)";
}
