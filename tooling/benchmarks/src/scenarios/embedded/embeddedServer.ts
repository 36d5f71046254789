// The embedded engine behind its HTTP interface, in a process of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClickHouse } from "@es/clickhouse-embedded";
import { answerCalls } from "../../harness/program.js";

const dataDir = mkdtempSync(join(tmpdir(), "es-embedded-"));
const server = await startClickHouse({ dataDir });

answerCalls({ url: () => server.url }, async () => {
  await server.close();
  rmSync(dataDir, { recursive: true, force: true });
});
