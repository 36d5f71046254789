import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@es/tooling-engines";
import { Redis } from "ioredis";

/** A Redis of one test's own, to be stopped, killed, frozen and started again on the same port. Keeps nothing on disk. */
export class OwnRedis {
  readonly port: number;
  readonly #dataDir: string;
  readonly #extra: readonly string[];
  #server: ChildProcess | null = null;

  private constructor(port: number, dataDir: string, extra: readonly string[]) {
    this.port = port;
    this.#dataDir = dataDir;
    this.#extra = extra;
  }

  /** Takes a free port. The server is not started yet. */
  static async make(...extra: readonly string[]): Promise<OwnRedis> {
    return new OwnRedis(await freePort(), await mkdtemp(join(tmpdir(), "es-own-redis-")), extra);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** The address for a user of an access list. Its password is `secret`. */
  urlFor(user: string): string {
    return `redis://${user}:secret@127.0.0.1:${this.port}`;
  }

  /** Runs commands as its administrator, on a connection of their own. */
  async admin(...commands: readonly (readonly [string, ...(string | number)[]])[]): Promise<unknown[]> {
    const redis = new Redis(this.url, { replyMapping: "legacy", enableReadyCheck: false });
    try {
      const answers: unknown[] = [];
      for (const [name, ...values] of commands) answers.push(await redis.call(name, ...values.map(String)));
      return answers;
    } finally {
      redis.disconnect();
    }
  }

  async start(): Promise<void> {
    const server = spawn(
      "redis-server",
      [
        ...["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#dataDir],
        ...["--save", "", "--appendonly", "no", ...this.#extra],
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
      server.stdout.on("data", (chunk: Buffer) => {
        if (chunk.toString().includes("Ready to accept connections")) resolve();
      });
    });
  }

  /** Freezes it: connections stay open, nothing is answered. */
  freeze(): void {
    this.#server?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#server?.kill("SIGCONT");
  }

  /** Ends it without notice. Its data is gone. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, "exit");
    server.kill("SIGKILL");
    await exited;
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}
