import { type AppStart, openAccess } from "@es/host";
import { openTraceStore, readTraceProjectionOptions } from "@es/trace-wiring";
import type { ConsoleAppConfig } from "./config.js";
import { startConsole } from "./console.js";

/** The console as a process of its own: ClickHouse over HTTP. */
export async function startConsoleApp(
  config: ConsoleAppConfig,
  { logger, closers, telemetry }: AppStart,
): Promise<void> {
  const access = await openAccess(config, { logger, hosts: { CONSOLE_HOST: config.CONSOLE_HOST } });
  closers.add(() => access.close());
  const store = openTraceStore(config, logger, {
    projection: readTraceProjectionOptions(config),
    needs: ["read"],
  });
  closers.add(() => store.close());
  const console = await startConsole(config, { store, access, logger });
  closers.add(() => console.stop());
  logger.info({ url: console.url, telemetry }, "Read API ready at /api/traces");
}
