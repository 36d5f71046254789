import { trace } from "@opentelemetry/api";
import { destination, type Logger, pino } from "pino";
import { ConfigurationError } from "./configurationError.js";
import type { Environment } from "./environment.js";

export type { Logger } from "pino";

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

export interface LoggerOptions {
  /** The service that logs. */
  readonly name: string;
  /** Without `LOG_LEVEL`. @default "info" */
  readonly defaultLevel?: string;
  readonly environment?: Environment;
}

/** One JSON object per line on standard error, with the active trace's ids. `LOG_LEVEL` sets the level. */
export function createLogger({
  name,
  defaultLevel = "info",
  environment = process.env,
}: LoggerOptions): Logger {
  const level = environment.LOG_LEVEL || defaultLevel;
  if (!levels.includes(level)) {
    throw new ConfigurationError(
      `The configuration is not valid:\n  LOG_LEVEL is ${JSON.stringify(level)}: expected one of ${levels.join(", ")}`,
    );
  }
  return pino(
    {
      name,
      level,
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serializeError },
      mixin() {
        const context = trace.getActiveSpan()?.spanContext();
        return context === undefined ? {} : { trace_id: context.traceId, span_id: context.spanId };
      },
    },
    destination({ fd: 2, sync: true }),
  );
}

/** What a log line says of an error: never just "[object Object]", and with the causes. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  return {
    type: error.name,
    message: error.message,
    ...("code" in error ? { code: error.code } : {}),
    ...("fields" in error ? { fields: error.fields } : {}),
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
    stack: error.stack,
  };
}
