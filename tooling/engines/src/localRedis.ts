import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineProcess } from "./engineProcess.js";
import { freePort } from "./freePort.js";
import { startServerProcess } from "./serverProcess.js";
import { ensureSystemPackage } from "./systemPackage.js";

/** `redis-server` from PATH, installed with the system's package manager when that is possible, on a free port. */
export async function startLocalRedis(): Promise<EngineProcess> {
  await ensureSystemPackage({
    command: "redis-server",
    aptPackage: "redis-server",
    advice:
      "The tests need Redis: set REDIS_URL, start Docker, or install redis-server (apt-get install redis-server, brew install redis).",
  });
  // Ends with this process, also when that is killed and cannot end it.
  const mortal =
    process.platform === "linux" && existsSync("/usr/bin/setpriv")
      ? ["--pdeathsig", "TERM", "redis-server"]
      : undefined;
  const dataDir = await mkdtemp(join(tmpdir(), "es-redis-"));
  const port = await freePort();
  const { url, pid, close } = await startServerProcess({
    command: mortal === undefined ? "redis-server" : "setpriv",
    args: [
      ...(mortal ?? []),
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", dataDir],
      ...["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"],
    ],
    ready: (line) => (line.includes("Ready to accept connections") ? `redis://127.0.0.1:${port}` : undefined),
    dataDir,
  });
  return { url, pid, source: "local redis-server", close };
}
