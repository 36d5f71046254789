import { consoleVariables } from "@es/app-console";
import { ingestVariables } from "@es/app-ingest";
import { workerVariables } from "@es/app-worker";
import { clickhouseVariables, type Environment, openFilesLimit, readEnvironment, variable } from "@es/host";
import { z } from "zod";

const standalone = z.object({
  ...ingestVariables,
  ...workerVariables,
  ...consoleVariables,
  /** Everything it keeps. One process at a time. */
  DATA_DIR: variable.text(".data"),
  /** Of the embedded engine, for other tools to read from; without it the system chooses. */
  CLICKHOUSE_PORT: variable.port(0),
  /** With it the embedded engine's user `default` may do everything; without it a new one is made at each start. */
  CLICKHOUSE_PASSWORD: z.string().optional(),
  /** With it the same user may only read, for other tools; without it nobody else may. */
  CLICKHOUSE_READONLY_PASSWORD: z.string().optional(),
  /** What an acknowledged span survives: the death of the process, or with `fsync` the loss of power as well. */
  CLICKHOUSE_DURABILITY: z
    .enum(["process", "fsync"], { error: 'expected "process" or "fsync"' })
    .default("process"),
  TRACE_MAX_BYTES: clickhouseVariables.TRACE_MAX_BYTES,
  SPAN_RETENTION_DAYS: clickhouseVariables.SPAN_RETENTION_DAYS,
  /** How long spans of a trace gather before its projection is rebuilt. It bounds the wait, too. */
  QUEUE_DELAY_MS: variable.milliseconds(200),
});

export type StandaloneConfig = z.output<typeof standalone>;

export function readStandaloneConfig(environment: Environment): StandaloneConfig {
  const config = readEnvironment(standalone, environment);
  // The embedded engine and other servers of this process need files, too: each server has half of what it has as a process of its own.
  const share = Math.min(4_096, Math.floor(openFilesLimit() / 8));
  return {
    ...config,
    INGEST_MAX_CONNECTIONS: config.INGEST_MAX_CONNECTIONS ?? share,
    CONSOLE_MAX_CONNECTIONS: config.CONSOLE_MAX_CONNECTIONS ?? share,
  };
}
