import { format } from "node:util";
import { ConfigurationError } from "./configurationError.js";
import type { Logger } from "./logger.js";

/** A service that runs, and how it ends. */
export interface RunningService {
  /** Stops accepting, flushes, finishes active work, closes. */
  stop(): Promise<void>;
}

export interface RunServiceOptions {
  readonly logger: () => Logger;
  /** Gets the logger, once it is made. */
  readonly start: (logger: Logger) => Promise<RunningService>;
  /** Longest the drain may take before the process ends anyway, milliseconds. @default 60 000 */
  readonly drainTimeoutMs?: number;
}

/**
 * The life of a service's process: starts it, drains it on SIGTERM or SIGINT (a second signal ends it at once), and ends
 * with 0, or 1 after a failure. What an operator can mend is said in plain lines; the rest is logged whole.
 *
 * What libraries print on the console, and warnings of the process, go through the logger: nothing stands between its lines.
 */
export async function runService({
  logger,
  start,
  drainTimeoutMs = 60_000,
}: RunServiceOptions): Promise<void> {
  let log: Logger | undefined;
  let running: RunningService | undefined;
  let stopRequested: NodeJS.Signals | undefined;

  const stop = async (signal: NodeJS.Signals) => {
    if (stopRequested !== undefined) process.exit(130);
    stopRequested = signal;
    if (running === undefined) return;
    await drain(running, signal);
  };

  async function drain(service: RunningService, signal: NodeJS.Signals): Promise<never> {
    log?.info({ signal }, "Draining");
    const timer = setTimeout(() => {
      log?.error({ drainTimeoutMs }, "The drain took too long; ending anyway");
      process.exit(1);
    }, drainTimeoutMs);
    timer.unref();
    try {
      await service.stop();
      log?.info("Stopped");
      process.exit(0);
    } catch (error) {
      log?.error({ error }, "Stopping failed");
      process.exit(1);
    }
  }

  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("unhandledRejection", (error) => log?.error({ error }, "Unhandled rejection"));
  try {
    log = logger();
    logWhatLibrariesPrint(log);
    running = await start(log);
  } catch (error) {
    if (error instanceof ConfigurationError) process.stderr.write(`${error.message}\n`);
    else if (log === undefined) process.stderr.write(`${String(error)}\n`);
    else log.fatal({ error }, "Could not start");
    process.exit(1);
  }
  if (stopRequested !== undefined) await drain(running, stopRequested);
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
