import { parseArgs } from "node:util";
import { ConfigurationError, createLogger, runService, startTelemetry } from "@es/host";
import { readStandaloneConfig } from "./config.js";
import { runDemo } from "./demo.js";
import { startStandalone } from "./standalone.js";

const usage = `npm start [-- --demo]

  --demo   send a set of realistic traces through OTLP and print their projections
  --help   this text

The environment configures it: INGEST_PORT (4318), CONSOLE_PORT (4320), WORKER_PORT (4319), DATA_DIR (.data), LOG_LEVEL
(warn) and more, see docs/operations.md.`;

/** @throws ConfigurationError for arguments there are not */
function readArguments() {
  try {
    return parseArgs({ options: { demo: { type: "boolean" }, help: { type: "boolean", short: "h" } } })
      .values;
  } catch (error) {
    throw new ConfigurationError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}

const print = (line: string) => void process.stdout.write(`${line}\n`);

await runService({
  logger: () => createLogger({ name: "standalone", defaultLevel: "warn" }),
  async start(logger) {
    const { demo, help } = readArguments();
    if (help === true) {
      print(usage);
      process.exit(0);
    }
    const config = readStandaloneConfig(process.env);
    if (demo === true && (config.API_KEYS ?? config.API_KEYS_FILE) !== undefined)
      throw new ConfigurationError("The demo has no API key: run it without API_KEYS and API_KEYS_FILE.");
    const telemetry = startTelemetry({ serviceName: "es-standalone" });
    const standalone = await startStandalone(config, logger);
    print(`OTLP/HTTP  ${standalone.ingestUrl}/v1/traces`);
    print(`Read API   ${standalone.consoleUrl}/api/traces`);
    print(`Operations ${standalone.operationsUrl}/operations`);
    if (demo === true) {
      // It runs beside the service: a signal may stop both at any time.
      runDemo(standalone, print).catch((error: unknown) => logger.error({ error }, "The demo failed"));
    }
    return {
      async stop() {
        await standalone.stop();
        await telemetry.shutdown();
      },
    };
  },
});
