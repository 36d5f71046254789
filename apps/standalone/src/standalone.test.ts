import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Closers, createLogger } from "@es/host";
import { expect, it } from "vitest";
import { readStandaloneConfig } from "./config.js";
import { startStandalone } from "./standalone.js";

const logger = createLogger({ name: "standalone-test", defaultLevel: "fatal" });

/** One span of a new trace; resolves with the trace id if it was acknowledged. */
async function sendOne(ingestUrl: string): Promise<string | undefined> {
  const traceId = randomBytes(16).toString("hex");
  const span = {
    traceId,
    spanId: randomBytes(8).toString("hex"),
    name: "under load",
    startTimeUnixNano: "1700000000000000000",
    endTimeUnixNano: "1700000000000000001",
  };
  try {
    const response = await fetch(`${ingestUrl}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    });
    await response.arrayBuffer();
    return response.status === 200 ? traceId : undefined;
  } catch {
    return undefined;
  }
}

it("stops under load, and after the next start every span it acknowledged is projected", {
  timeout: 300_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "es-standalone-"));
  const config = readStandaloneConfig({
    INGEST_PORT: "0",
    CONSOLE_PORT: "0",
    WORKER_PORT: "0",
    DATA_DIR: dataDir,
  });
  const closers = new Closers();
  const first = await startStandalone(config, { logger, closers });
  const acknowledged: string[] = [];
  let refused = 0;
  let stopped = false;
  const client = async () => {
    while (!stopped) {
      const traceId = await sendOne(first.ingestUrl);
      if (traceId === undefined) refused++;
      else acknowledged.push(traceId);
    }
  };
  const clients = Array.from({ length: 30 }, client);
  while (acknowledged.length < 300) await new Promise((resolve) => setTimeout(resolve, 5));
  const before = acknowledged.length;
  await closers.close();
  stopped = true;
  await Promise.all(clients);
  // Requests in flight when it began to stop were finished, later ones were not taken.
  expect(acknowledged.length).toBeGreaterThan(before);
  expect(refused).toBeGreaterThan(0);

  const second = await startStandalone(config, { logger, closers });
  const missing = new Set(acknowledged);
  while (missing.size > 0) {
    for (const traceId of missing) {
      const response = await fetch(`${second.consoleUrl}/api/traces/${traceId}`);
      await response.arrayBuffer();
      if (response.status !== 200) break;
      missing.delete(traceId);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await closers.close();
  await rm(dataDir, { recursive: true, force: true });
});
