import { setTimeout as sleep } from "node:timers/promises";
import { format } from "node:util";
import { Closers } from "./closers.js";
import { ConfigurationError } from "./configurationError.js";
import type { Environment } from "./environment.js";
import { createLogger, type Logger } from "./logger.js";
import { startTelemetry } from "./telemetry.js";

/** A part of a process that runs, and how it ends. */
export interface RunningApp {
  /** Stops accepting, flushes, finishes active work, closes. */
  stop(): Promise<void>;
}

/** What an app gets to start with. */
export interface AppStart {
  readonly logger: Logger;
  /** Gets how each part is closed as soon as it is open. Closed after a failed start too. */
  readonly closers: Closers;
  /** Aborted when the process is told to stop, also during the start. */
  readonly signal: AbortSignal;
  /** Where the process exports its own telemetry, for the start-up log. */
  readonly telemetry: string;
}

export interface RunAppOptions<TConfig> {
  /** Names the app in log lines, and `es-<name>` in telemetry without `OTEL_SERVICE_NAME`. */
  readonly name: string;
  /** Reads the configuration. @throws ConfigurationError */
  readonly config: (environment: Environment) => TConfig;
  /** Opens all parts. Resolves once the app serves. */
  readonly start: (config: TConfig, app: AppStart) => Promise<void>;
  /** Without `LOG_LEVEL`. @default "info" */
  readonly defaultLogLevel?: string;
  /** Longest the drain may take before the process ends anyway, milliseconds. @default 60 000 */
  readonly drainTimeoutMs?: number;
}

const DRAIN_TIMEOUT_MS = 60_000;
/** How long a failed start may take to close what it opened. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * The life of an app's process: starts it, drains it on SIGTERM or SIGINT (a second signal ends it at once), and ends with 0,
 * or 1 after a failure. A start that fails closes what it opened. What an operator can mend is said in plain lines; the rest is
 * logged whole.
 *
 * What libraries print on the console, and warnings of the process, go through the logger: nothing stands between its lines.
 */
export async function runApp<TConfig>(options: RunAppOptions<TConfig>): Promise<void> {
  const { name, drainTimeoutMs = DRAIN_TIMEOUT_MS } = options;
  const closers = new Closers();
  const stopping = new AbortController();
  let log: Logger | undefined;
  let hasStarted = false;

  async function drain(): Promise<never> {
    try {
      await closers.close();
      log?.info("Stopped");
    } catch (error) {
      log?.error({ error }, "Stopping failed");
      process.exit(1);
    }
    process.exit(0);
  }

  function stop(signal: NodeJS.Signals): void {
    if (stopping.signal.aborted) process.exit(130);
    log?.info({ signal }, "Draining");
    setTimeout(() => {
      log?.error({ drainTimeoutMs }, "The drain took too long; ending anyway");
      process.exit(1);
    }, drainTimeoutMs).unref();
    stopping.abort();
    // What is being opened during a start can be closed only when it is open.
    if (hasStarted) void drain();
  }

  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("unhandledRejection", (error) => log?.error({ error }, "Unhandled rejection"));
  try {
    const { defaultLogLevel: defaultLevel } = options;
    log = createLogger({ name, ...(defaultLevel === undefined ? {} : { defaultLevel }) });
    logWhatLibrariesPrint(log);
    const config = options.config(process.env);
    const telemetry = startTelemetry({ serviceName: `es-${name}` });
    closers.add(() => telemetry.shutdown());
    const { signal } = stopping;
    await options.start(config, { logger: log, closers, signal, telemetry: telemetry.description });
  } catch (error) {
    if (!stopping.signal.aborted) await endFailedStart(error, closers, log);
    log?.info({ error }, "The start was given up");
  }
  hasStarted = true;
  if (stopping.signal.aborted) await drain();
}

async function endFailedStart(error: unknown, closers: Closers, log: Logger | undefined): Promise<never> {
  // First of all: closing may hang.
  if (error instanceof ConfigurationError) process.stderr.write(`${error.message}\n`);
  else if (log === undefined) process.stderr.write(`${String(error)}\n`);
  else log.fatal({ error }, "Could not start");
  const closed = closers
    .close()
    .catch((failure: unknown) => log?.error({ error: failure }, "Closing after the failed start failed"));
  await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS)]);
  process.exit(1);
}

function logWhatLibrariesPrint(log: Logger): void {
  const print =
    (level: "debug" | "info" | "warn" | "error") =>
    (...parts: readonly unknown[]) =>
      log[level](format(...parts));
  console.debug = print("debug");
  console.log = print("info");
  console.info = print("info");
  console.warn = print("warn");
  console.error = print("error");
  // Node's own listener prints them as plain lines.
  process.removeAllListeners("warning");
  process.on("warning", (warning) =>
    log.warn({ error: warning }, `${warning.name}: a warning of the process`),
  );
}
