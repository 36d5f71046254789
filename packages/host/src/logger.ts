import { trace } from "@opentelemetry/api";
import { destination, type Logger, pino } from "pino";
import { ConfigurationError } from "./configurationError.js";
import type { Environment } from "./environment.js";
import { LineCounter } from "./lineCounter.js";

export type { Logger } from "pino";

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

export interface LoggerOptions {
  /** The app that logs. */
  readonly name: string;
  /** Without `LOG_LEVEL`. @default "info" */
  readonly defaultLevel?: string;
  readonly environment?: Environment;
}

const WARN = 40;

/**
 * One JSON object per line on standard error, with the active trace's ids. `LOG_LEVEL` sets the level.
 *
 * Warnings and errors that repeat are counted: the first is written at once, the others as one line with `repeated`, how
 * many more there were, after 20 s and then each minute.
 */
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
  const counter = new LineCounter();
  let counts = false;
  return pino(
    {
      name,
      level,
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serializeError },
      hooks: {
        logMethod(line, write, level) {
          if (level < WARN) return write.apply(this, line);
          const [fields, message] = partsOf(line);
          counter.take(`${level} ${message}`, describe(fields.error), (repeated) => {
            write.apply(this, repeated === 0 ? line : [{ ...fields, repeated }, message]);
          });
          if (counts) return;
          counts = true;
          process.once("exit", () => counter.flush());
        },
      },
      mixin() {
        const context = trace.getActiveSpan()?.spanContext();
        return context === undefined ? {} : { trace_id: context.traceId, span_id: context.spanId };
      },
    },
    destination({ fd: 2, sync: true }),
  );
}

/** The fields and the message of a line. */
function partsOf([first, ...rest]: readonly unknown[]): readonly [Readonly<Record<string, unknown>>, string] {
  if (first instanceof Error)
    return [{ error: first }, typeof rest[0] === "string" ? rest[0] : first.message];
  if (typeof first === "object" && first !== null) {
    return [first as Readonly<Record<string, unknown>>, typeof rest[0] === "string" ? rest[0] : ""];
  }
  return [{}, String(first)];
}

/** What tells one failure from another under the same message. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return error === undefined ? "" : String(error);
  return `${"code" in error ? error.code : error.name} ${error.message}`;
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
