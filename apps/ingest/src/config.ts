import {
  accessVariables,
  clickhouseVariables,
  type Environment,
  queueVariables,
  readEnvironment,
  variable,
} from "@es/host";
import { z } from "zod";

/** What ingest itself needs, whatever engines it is wired to. */
export const ingestVariables = {
  INGEST_HOST: variable.text("127.0.0.1"),
  INGEST_PORT: variable.port(4318),
  /** Largest request body after inflation. Without it, as `ingestLimits` says. */
  INGEST_MAX_BODY_BYTES: variable.optionalBytes(),
  /** Bodies in memory at once, over all requests; beyond it clients are told to come back. */
  INGEST_MAX_INFLIGHT_BYTES: variable.optionalBytes(),
  /** The same of one tenant, where there are several. Half of all without it. */
  INGEST_MAX_INFLIGHT_BYTES_PER_TENANT: variable.optionalBytes(),
  /** Connections at once. A quarter of the files that the process may open without it, at most 8 192. */
  INGEST_MAX_CONNECTIONS: variable.optionalCount(),
  /** Takes the telemetry of systems like this one. Never let one ingest its own: each request would make more. */
  INGEST_OWN_TELEMETRY: variable.flag(false),
  ...accessVariables,
};

const ingestApp = z.object({
  ...ingestVariables,
  ...clickhouseVariables,
  ...queueVariables,
  /** How long spans of a trace gather before its projection is rebuilt. It bounds the wait, too. */
  QUEUE_DELAY_MS: variable.milliseconds(200),
});

const ingest = z.object(ingestVariables);

export type IngestConfig = z.output<typeof ingest>;
export type IngestAppConfig = z.output<typeof ingestApp>;

export function readIngestAppConfig(environment: Environment): IngestAppConfig {
  return readEnvironment(ingestApp, environment);
}
