import { mkdtemp } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { engineFolder } from "./engineFolder.js";
import type { EngineProcess } from "./engineProcess.js";
import { startServerProcess } from "./serverProcess.js";

/** Ends the engine when this process is killed and cannot end it. */
const endWithParent = new URL("../../run/endWithParent.cjs", import.meta.url);

/** The embedded engine as a process of its own, on a free port, over an empty data directory. */
export async function startLocalClickHouse(): Promise<EngineProcess> {
  const manifest = createRequire(import.meta.url).resolve("@es/clickhouse-embedded/package.json");
  const folder = await engineFolder();
  const dataDir = await mkdtemp(join(folder, "es-clickhouse-"));
  const { url, pid, close } = await startServerProcess({
    command: process.execPath,
    args: [
      ...["--require", fileURLToPath(endWithParent)],
      ...[join(dirname(manifest), "bin/clickhouse-embedded.cjs"), "--data-dir", dataDir, "--port", "0"],
    ],
    ready: (line) => /https?:\/\/[^\s"',]+/.exec(line)?.[0],
    dataDir,
  });
  return { url, pid, source: `local @es/clickhouse-embedded, data in ${folder}`, close };
}
