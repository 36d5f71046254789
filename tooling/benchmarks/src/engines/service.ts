import { setTimeout as sleep } from "node:timers/promises";
import { type ChildService, freePort, startChildService } from "@es/tooling-engines";
import { inRepository } from "../harness/repository.js";

const READY_TIMEOUT_MS = 30_000;

export type ServiceName = "ingest" | "worker" | "console";

/** Starts a service of this repository as its users do, and waits until it is ready. */
export async function startService(
  app: ServiceName,
  environment: Readonly<Record<string, string>>,
): Promise<ChildService> {
  const service = await startChildService({
    command: process.execPath,
    args: [inRepository(`apps/${app}/dist/main.js`)],
    environment: { ...environment, [`${app.toUpperCase()}_PORT`]: String(await freePort()) },
    ready: (line) => /"url":"([^"]+)"/.exec(line)?.[1],
  });
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await fetch(`${service.url}/readyz`)).ok) {
    if (performance.now() > deadline) {
      await service.close();
      throw new Error(`${app} was not ready within ${READY_TIMEOUT_MS / 1_000} s.`);
    }
    await sleep(50);
  }
  return service;
}
