import { createLogger, runService, startTelemetry } from "@es/host";
import { readWorkerServiceConfig } from "./config.js";
import { startWorkerService } from "./service.js";

await runService({
  logger: () => createLogger({ name: "worker" }),
  async start(logger) {
    const config = readWorkerServiceConfig(process.env);
    const telemetry = startTelemetry({ serviceName: "es-worker" });
    const service = await startWorkerService(config, logger);
    logger.info({ url: service.url, telemetry: telemetry.description }, "Worker started");
    return {
      async stop() {
        await service.stop();
        await telemetry.shutdown();
      },
    };
  },
});
