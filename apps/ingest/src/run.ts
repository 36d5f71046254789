import { createLogger, runService, startTelemetry } from "@es/host";
import { readIngestServiceConfig } from "./config.js";
import { startIngestService } from "./service.js";

await runService({
  logger: () => createLogger({ name: "ingest" }),
  async start(logger) {
    const config = readIngestServiceConfig(process.env);
    const telemetry = startTelemetry({ serviceName: "es-ingest" });
    const service = await startIngestService(config, logger);
    logger.info({ url: service.url, telemetry: telemetry.description }, "OTLP/HTTP ready at /v1/traces");
    return {
      async stop() {
        await service.stop();
        await telemetry.shutdown();
      },
    };
  },
});
