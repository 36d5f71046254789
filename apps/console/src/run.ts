import { createLogger, openAccess, runService, startTelemetry } from "@es/host";
import { openTraceStore, readTraceProjectionOptions } from "@es/trace-wiring";
import { readConsoleServiceConfig } from "./config.js";
import { startConsole } from "./console.js";

await runService({
  logger: () => createLogger({ name: "console" }),
  async start(logger) {
    const config = readConsoleServiceConfig(process.env);
    const telemetry = startTelemetry({ serviceName: "es-console" });
    const access = await openAccess(config, { logger, hosts: { CONSOLE_HOST: config.CONSOLE_HOST } });
    const store = openTraceStore(config, logger, {
      projection: readTraceProjectionOptions(config),
      needs: ["read"],
    });
    const running = await startConsole(config, { store, access, logger });
    logger.info({ url: running.url, telemetry: telemetry.description }, "Read API ready at /api/traces");
    return {
      async stop() {
        await running.stop();
        await store.close();
        await access.close();
        await telemetry.shutdown();
      },
    };
  },
});
