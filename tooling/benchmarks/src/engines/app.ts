import { setTimeout as sleep } from "node:timers/promises";
import { freePort, type ServerProcess, startServerProcess } from "@es/tooling-engines";
import { inRepository } from "../harness/repository.js";

const READY_TIMEOUT_MS = 30_000;

export type AppName = "ingest" | "worker" | "console";

/** Starts an app of this repository as its users do, and waits until it is ready. */
export async function startApp(
  app: AppName,
  environment: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const running = await startServerProcess({
    command: process.execPath,
    args: [inRepository(`apps/${app}/dist/main.js`)],
    environment: { ...environment, [`${app.toUpperCase()}_PORT`]: String(await freePort()) },
    ready: (line) => /"url":"([^"]+)"/.exec(line)?.[1],
  });
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await fetch(`${running.url}/readyz`)).ok) {
    if (performance.now() > deadline) {
      await running.close();
      throw new Error(`${app} was not ready within ${READY_TIMEOUT_MS / 1_000} s.`);
    }
    await sleep(50);
  }
  return running;
}
