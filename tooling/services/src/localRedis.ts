import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startChildService } from "./childService.js";
import type { TestService } from "./testServices.js";

const run = promisify(execFile);

/** `redis-server` from PATH, installed with the system's package manager when that is possible, on a free port. */
export async function startLocalRedis(): Promise<TestService> {
  await ensureRedisServer();
  const dataDir = await mkdtemp(join(tmpdir(), "es-redis-"));
  const port = await freePort();
  const { url, close } = await startChildService({
    command: "redis-server",
    args: [
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", dataDir],
      ...["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"],
    ],
    ready: (line) => (line.includes("Ready to accept connections") ? `redis://127.0.0.1:${port}` : undefined),
    dataDir,
  });
  return { url, source: "local redis-server", close };
}

/** Installs `redis-server` where the system's packages may be installed. @throws an error that says what to do */
export async function ensureRedisServer(): Promise<void> {
  if (await onPath("redis-server")) return;
  const mayInstall = process.getuid?.() === 0 && (await onPath("apt-get"));
  if (mayInstall) {
    process.stdout.write("redis-server is not installed: installing it with apt-get…\n");
    const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const options = { env: environment, maxBuffer: 64 * 1024 * 1024 };
    await run("apt-get", ["update", "-qq"], options);
    await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "redis-server"], options);
    if (await onPath("redis-server")) return;
  }
  throw new Error(
    "The tests need Redis: set REDIS_URL, start Docker, or install redis-server (apt-get install redis-server, brew install redis).",
  );
}

async function onPath(command: string): Promise<boolean> {
  try {
    await run(command, ["--version"]);
    return true;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
