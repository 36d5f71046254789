import { type RunningProcess, startProcess, until } from "./processes.js";

export interface Standalone {
  readonly process: RunningProcess;
  readonly ingestUrl: string;
  readonly consoleUrl: string;
  readonly operationsUrl: string;
}

/** The standalone app on free ports, ready to serve. */
export async function startStandalone(
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<Standalone> {
  const started = startProcess(
    "apps/standalone/bin/standalone.cjs",
    {
      INGEST_PORT: "0",
      CONSOLE_PORT: "0",
      WORKER_PORT: "0",
      DATA_DIR: dataDir,
      LOG_LEVEL: "info",
      ...environment,
    },
    args,
  );
  const addresses = await until(
    "standalone prints its addresses",
    () => {
      const ingestUrl = /OTLP\/HTTP\s+(http:\/\/\S+?)\/v1\/traces/.exec(started.output())?.[1];
      const consoleUrl = /Read API\s+(http:\/\/\S+?)\/api\/traces/.exec(started.output())?.[1];
      const operationsUrl = /Operations\s+(http:\/\/\S+?)\/operations/.exec(started.output())?.[1];
      return ingestUrl === undefined || consoleUrl === undefined || operationsUrl === undefined
        ? undefined
        : { ingestUrl, consoleUrl, operationsUrl };
    },
    { watch: started },
  );
  return { process: started, ...addresses };
}

/** One of the separate apps, and its address from its start-up log. It listens; whether it is ready is another matter. */
export async function startApp(
  app: "ingest" | "worker" | "console",
  environment: Readonly<Record<string, string>>,
): Promise<{ process: RunningProcess; url: string }> {
  const started = startProcess(`apps/${app}/dist/main.js`, {
    INGEST_PORT: "0",
    WORKER_PORT: "0",
    CONSOLE_PORT: "0",
    LOG_LEVEL: "info",
    ...environment,
  });
  const url = await until(
    `${app} logs its address`,
    () => /"url":"(http:\/\/[^"]+)"/.exec(started.output())?.[1],
    { watch: started },
  );
  return { process: started, url };
}

/** The embedded engine as a process of its own, on a given port, so that it can be stopped and started again. */
export async function startEngine(dataDir: string, port: number): Promise<RunningProcess> {
  const started = startProcess("packages/clickhouse-embedded/bin/clickhouse-embedded.cjs", {}, [
    ...["--data-dir", dataDir],
    ...["--port", String(port)],
  ]);
  await until(
    "the engine answers",
    async () => {
      const response = await fetch(`http://127.0.0.1:${port}/ping`).catch(() => undefined);
      return response?.ok === true ? true : undefined;
    },
    { watch: started },
  );
  return started;
}

export async function untilReady(url: string): Promise<void> {
  await until(`${url}/readyz is 200`, async () => {
    const response = await fetch(`${url}/readyz`).catch(() => undefined);
    return response?.status === 200 ? true : undefined;
  });
}
