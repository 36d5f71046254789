import { parseArgs } from "node:util";
import { ConfigurationError, type Environment, runApp } from "@es/host";
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

/** @throws ConfigurationError */
function readConfig(environment: Environment) {
  const { demo = false, help = false } = readArguments();
  if (help) {
    print(usage);
    process.exit(0);
  }
  const config = readStandaloneConfig(environment);
  if (demo && (config.API_KEYS ?? config.API_KEYS_FILE) !== undefined)
    throw new ConfigurationError("The demo has no API key: run it without API_KEYS and API_KEYS_FILE.");
  return { config, demo };
}

const print = (line: string) => void process.stdout.write(`${line}\n`);

await runApp({
  name: "standalone",
  defaultLogLevel: "warn",
  config: readConfig,
  async start({ config, demo }, app) {
    const standalone = await startStandalone(config, app);
    print(`OTLP/HTTP  ${standalone.ingestUrl}/v1/traces`);
    print(`Read API   ${standalone.consoleUrl}/api/traces`);
    print(`Operations ${standalone.operationsUrl}/operations`);
    if (!demo) return;
    // It runs beside the app: a signal may stop both at any time.
    runDemo(standalone, print).catch((error: unknown) => app.logger.error({ error }, "The demo failed"));
  },
});
